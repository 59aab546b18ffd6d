"""A Redis that syncs every write to its disk (`appendfsync always`) and is killed under load has lost nothing."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path
from signal import SIGKILL

import pytest

from overdue.health.finding import Verdict
from store.clock import wall_ms
from tests.chaos.test_power_loss import examined
from tests.servers import valkey_binary
from tests.store.live.server_on_disk import server_on_disk
from tests.system.api import Api
from tests.system.conftest import dice as dice  # the same chance as there
from tests.system.fleet import Job, pinging
from tests.system.history import doubled, missing
from tests.system.house import keeping_house
from tests.system.receiver import receiving
from tests.system.waiting import at, until

SYNCED = ("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--maxmemory-policy", "noeviction")
KILLS, HEALTHY, EVERY_S, LEAST_RATE = 6, 24, 0.04, 200
WITHIN_S = 30.0


@pytest.mark.slow
def test_nothing_that_was_answered_is_lost_and_each_silence_keeps_its_ids(
    tmp_path: Path, dice: random.Random
) -> None:
    with (
        server_on_disk(valkey_binary(), *SYNCED) as server,
        receiving() as receiver,
        keeping_house(tmp_path, OVERDUE_REDIS_URL=server.url) as house,
        pinging(house.port) as fleet,
        closing(Api(house.url)) as api,
    ):
        receiver.secret = api.channel(receiver.url)["secret"]
        healthy = []
        for _ in range(HEALTHY):
            healthy.append(api.monitor(interval_s=2, grace_s=1))
            fleet.add(Job(healthy[-1]["key"], EVERY_S))
        for _ in range(KILLS):
            until(lambda: fleet.rate() >= LEAST_RATE, WITHIN_S, f"{LEAST_RATE} pings a second are answered")
            silent = api.monitor(interval_s=1, grace_s=0)
            until(lambda: receiver.of(silent["id"], "monitor.down"), WITHIN_S, "a silence is told")  # noqa: B023
            at(wall_ms() + dice.uniform(0, 1000))
            killed_ms = wall_ms()
            server.stop(SIGKILL)
            server.start()
            until(lambda: fleet.good(killed_ms + 100), WITHIN_S, "pings are answered again")  # noqa: B023
            until(lambda: api.ping(silent["key"]).status_code == 200, WITHIN_S, "it comes back")  # noqa: B023
            until(lambda: receiver.of(silent["id"], "monitor.up"), WITHIN_S, "its end is told")  # noqa: B023
            api.pause(silent["id"])
            # What was told is not forgotten, so it is not told again either.
            assert receiver.kinds(silent["id"]) == ["monitor.down", "monitor.up"]
            assert len({call.incident["id"] for call in receiver.of(silent["id"])}) == 1
        for one in healthy:
            api.pause(one["id"])
            fleet.silence(Job(one["key"], EVERY_S))
        house.wait_until_quiet()
        assert fleet.wrong() == []
        assert missing(house.data, fleet.good()) == []
        assert doubled(house.data) == []
        assert receiver.flaws() == []
        for one in healthy:
            assert receiver.of(one["id"]) == []
            assert api.incidents(one["id"]) == []
        assert [one for one in examined(house).values() if one.verdict is Verdict.BAD] == []
