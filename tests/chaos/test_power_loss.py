"""A power loss takes Redis' last moments, and with them changes that config.db has: the doctor finds and repairs that."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from overdue.doctor import examine_installation
from overdue.health.finding import Finding, Verdict
from store.settings import read_settings
from tests.system.api import Api
from tests.system.house import House, keeping_house
from tests.system.receiver import receiving
from tests.system.waiting import until


def examined(house: House, fix: bool = False) -> dict[str, Finding]:
    async def all_findings() -> dict[str, Finding]:
        settings = read_settings(house.environ)
        return {one.what: one async for one in examine_installation(settings, fix)}

    return asyncio.run(all_findings())


def log_of(house: House) -> Path:
    """The file that Valkey appends to."""
    (log,) = (house.data / "appendonlydir").glob("*.incr.aof")
    return log


@pytest.mark.slow
def test_what_a_power_loss_has_taken_from_redis_is_found_and_put_back(tmp_path: Path) -> None:
    with receiving() as receiver, keeping_house(tmp_path) as house:
        api = Api(house.url)
        kept, deleted = api.monitor(60, 60, "kept"), api.monitor(60, 60, "deleted")
        until_here = log_of(house).stat().st_size
        receiver.secret = api.channel(receiver.url)["secret"]
        made = api.monitor(1, 1, "made")
        api.pause(kept["id"])
        api.delete(f"/api/monitors/{deleted['id']}")

        valkey = house.pid("valkey")
        house.kill("serve")
        house.kill("valkey", valkey)
        until(lambda: not house.processes(), 15, "all is dark")
        os.truncate(log_of(house), until_here)
        house.start()

        found = examined(house)
        assert found["monitors"].wrong == 2
        assert "nobody watches them" in found["monitors"].sentence
        assert found["orphans"].wrong == 1
        assert found["channels"].wrong == 1
        assert api.ping(made["key"]).status_code == 404

        examined(house, fix=True)
        assert [one for one in examined(house).values() if one.verdict is Verdict.BAD] == []
        api.ping_well(made["key"])
        until(lambda: receiver.of(made["id"], "monitor.down"), 15, "its silence is told")
        assert api.status(kept["id"]) == "paused"
        api.close()
