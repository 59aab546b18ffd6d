"""A power loss takes Redis' last moments, and with them changes that config.db has. They come back."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from overdue.doctor import examine_installation
from overdue.health.finding import Finding, Verdict
from store.settings import read_settings
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
        (log,) = (house.data / "appendonlydir").glob("*.incr.aof")
        self.log, self.until_here = log, log.stat().st_size
        receiver.secret = self.api.channel(receiver.url)["secret"]
        self.made: Json = self.api.monitor(1, 1)
        self.api.pause(self.paused["id"])
        self.api.delete(f"/api/monitors/{self.deleted['id']}")

    def lose(self) -> None:
        """The power fails; what Valkey had not written to the disk by then is gone."""
        valkey = self.house.pid("valkey")
        self.house.kill("serve")
        self.house.kill("valkey", valkey)
        until(lambda: not self.house.processes(), 15, "all is dark")
        os.truncate(self.log, self.until_here)
        self.house.start()

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
