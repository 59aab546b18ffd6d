"""A power loss takes Redis' last moments, and with them changes that config.db has. They come back."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from overdue.doctor import examine_installation
from overdue.health.finding import Finding, Verdict
from store.settings import read_settings
from tests.chaos.jobs import watched
from tests.system.api import Api, Json
from tests.system.house import House, keeping_house
from tests.system.receiver import Receiver, receiving
from tests.system.waiting import until

SETTLED_S = 15.0


class Changes:
    """Some of each kind, of which Redis is to know nothing any more."""

    def __init__(self, house: House, receiver: Receiver) -> None:
        self.house = house
        self.api = Api(house.url)
        self.receiver = receiver
        self.paused, self.deleted = self.api.monitor(60, 60), self.api.monitor(60, 60)
        until(self.are_settled, SETTLED_S, "these are settled")
        self.until_here = log_of(house).stat().st_size
        receiver.secret = self.api.channel(receiver.url)["secret"]
        self.made: Json = self.api.monitor(1, 1)
        self.api.pause(self.paused["id"])
        self.api.delete(f"/api/monitors/{self.deleted['id']}")

    def lose(self) -> None:
        """What Valkey has written since then is gone."""
        lose_power(self.house, self.until_here)

    def close(self) -> None:
        self.api.close()

    def are_settled(self) -> bool:
        with closing(sqlite3.connect(self.house.data / "config.db")) as book:
            return not book.execute("SELECT 1 FROM outbox").fetchall()

    def assert_in_force(self) -> None:
        self.api.ping_well(self.made["key"])
        until(lambda: self.receiver.of(self.made["id"], "monitor.down"), 15, "a silence is told")
        assert self.api.status(self.paused["id"]) == "paused"
        assert [one for one in examined(self.house).values() if one.verdict is Verdict.BAD] == []


def log_of(house: House) -> Path:
    (log,) = (house.data / "appendonlydir").glob("*.incr.aof")
    return log


def lose_power(house: House, until_here: int) -> None:
    """The power fails, and comes back; of Valkey's log there is what was on the disk, so many bytes."""
    log, valkey = log_of(house), house.pid("valkey")
    house.kill("serve")
    house.kill("valkey", valkey)
    until(lambda: not house.processes(), 15, "all is dark")
    os.truncate(log, until_here)
    house.start()


def examined(house: House, fix: bool = False) -> dict[str, Finding]:
    async def all_findings() -> dict[str, Finding]:
        settings = read_settings(house.environ)
        return {one.what: one async for one in examine_installation(settings, fix)}

    return asyncio.run(all_findings())


@pytest.mark.slow
def test_the_changes_of_the_last_seconds_before_a_power_loss_are_carried_again(tmp_path: Path) -> None:
    with (
        receiving() as receiver,
        keeping_house(tmp_path) as house,
        closing(Changes(house, receiver)) as changes,
    ):
        changes.lose()
        changes.assert_in_force()


@pytest.mark.slow
def test_what_was_lost_further_back_is_found_by_the_doctor_and_put_back(tmp_path: Path) -> None:
    with (
        receiving() as receiver,
        keeping_house(tmp_path) as house,
        closing(Changes(house, receiver)) as changes,
    ):
        until(changes.are_settled, SETTLED_S, "the changes are settled")
        changes.lose()
        found = examined(house)
        assert found["monitors"].wrong == 2
        assert "nobody watches them" in found["monitors"].sentence
        assert found["orphans"].wrong == 1
        assert found["channels"].wrong == 1
        assert changes.api.ping(changes.made["key"]).status_code == 404
        examined(house, fix=True)
        changes.assert_in_force()


@pytest.mark.slow
def test_a_run_that_ended_in_the_last_seconds_before_a_power_loss_did_not_take_too_long(
    tmp_path: Path,
) -> None:
    with receiving() as receiver, keeping_house(tmp_path) as house, closing(Api(house.url)) as api:
        receiver.secret = api.channel(receiver.url)["secret"]
        asked = {"name": "job", "interval": 60, "gracePeriod": 60, "maxRuntime": 3}
        ended, hangs = (watched(api.post("/api/monitors", asked)) for _ in range(2))
        run = uuid4()
        api.ping_well(f"{ended.key}/start", query=f"rid={run}")
        until(lambda: run.bytes in log_of(house).read_bytes(), 15, "the start is on the disk")
        until_here = log_of(house).stat().st_size
        api.ping_well(ended.key, query=f"rid={run}")
        lose_power(house, until_here)
        # Whoever took the first run for one that goes on would tell of it before this one.
        api.ping_well(f"{hangs.key}/start", query=f"rid={uuid4()}")
        until(lambda: receiver.of(hangs.id, "monitor.down"), 15, "a run that hangs is told")
        assert receiver.of(ended.id) == []
        assert api.incidents(ended.id) == []
