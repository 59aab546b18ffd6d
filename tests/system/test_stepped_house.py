"""The whole house on a server whose clock is really stepped, by libfaketime: every part goes on, and all is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from overdue.doctor import examine_installation
from overdue.health.finding import Verdict
from store.settings import read_settings
from tests.system.api import Api
from tests.system.fleet import Job, pinging
from tests.system.house import House, keeping_house
from tests.system.receiver import Receiver, receiving
from tests.system.test_faked_time import FakedClock, clock, pytestmark, url
from tests.system.waiting import until

__all__ = ["clock", "pytestmark", "url"]
HEALTHY, EVERY_S, INTERVAL_S = 10, 0.5, 2
TOLD_WITHIN_S = 60.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[House]:
    with keeping_house(tmp_path, OVERDUE_REDIS_URL=url) as house:
        yield house


def told(receiver: Receiver, monitor: dict[str, str]) -> list[str]:
    """What is said of a monitor, without repeats."""
    return list(dict.fromkeys(call.type for call in receiver.of(monitor["id"])))


@pytest.mark.parametrize("steps_s", [(-90, 3600), (90, -3600), (1, -1)])
async def test_every_part_goes_on_and_all_is_told_where_the_clock_is_stepped(
    house: House, receiver: Receiver, clock: FakedClock, steps_s: tuple[int, ...]
) -> None:
    api = Api(house.url)
    receiver.secret = api.channel(receiver.url)["secret"]
    before = house.parts()
    with pinging(house.port) as fleet:
        healthy = [api.monitor(INTERVAL_S, 1) for _ in range(HEALTHY)]
        fleet.add(*(Job(one["pingUrl"].rsplit("/", 1)[1], EVERY_S) for one in healthy))
        for step_s in steps_s:
            former, later = api.monitor(1, 0), api.monitor(1, 0)
            until(lambda: told(receiver, former) == ["monitor.down"], TOLD_WITHIN_S, "a silence is told")  # noqa: B023
            api.ping_well(later["pingUrl"].rsplit("/", 1)[1])
            clock.step(step_s)
            until(lambda: "monitor.down" in told(receiver, later), TOLD_WITHIN_S, "a later one is told")  # noqa: B023
            for one in (former, later):
                api.ping_well(one["pingUrl"].rsplit("/", 1)[1])
                until(lambda: told(receiver, one)[-1] == "monitor.up", TOLD_WITHIN_S, "its end is told")  # noqa: B023
                api.pause(one["id"])
        assert [told(receiver, one) for one in healthy] == [[]] * HEALTHY
        assert house.parts() == before
        until(house.has_told, TOLD_WITHIN_S, "everything is told")
        found = [one async for one in examine_installation(read_settings(house.environ))]
        assert [one.line() for one in found if one.verdict is Verdict.BAD] == []
        assert house.is_ready()
    api.close()
