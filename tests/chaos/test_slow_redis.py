"""Every call of ingest to Redis takes more than a second, in real time: who is silent is told, and nobody else."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from store.clock import wall_ms
from tests.chaos.by_hand import parts_by_hand, valkey_on_its_own
from tests.chaos.weather import under_the_sky
from tests.system.api import Api
from tests.system.fleet import Job, pinging
from tests.system.receiver import receiving
from tests.system.test_supervision import stopped
from tests.system.waiting import at, until

pytestmark = pytest.mark.slow

DELAY_S, WATCHED_S, FROZEN_S = 1.3, 20.0, 2.0
HEALTHY, EVERY_S = 20, 0.5


def test_a_slow_redis_hides_no_silence_and_a_process_that_is_frozen_is_blind_still(tmp_path: Path) -> None:
    with (
        valkey_on_its_own() as url,
        under_the_sky(url, tmp_path) as sky,
        receiving() as receiver,
        parts_by_hand(tmp_path, url, ingest=sky.proxy.url) as house,
        closing(Api(house.url)) as api,
    ):
        receiver.secret = api.channel(receiver.url)["secret"]
        healthy = [api.monitor(5, 3) for _ in range(HEALTHY)]
        with pinging(house.port, *(Job(one["key"], EVERY_S) for one in healthy)) as fleet:
            until(lambda: fleet.rate() >= HEALTHY, 10, "they ping")
            before = house.holes()
            dying = api.monitor(5, 3)
            sky.proxy.delay_s = DELAY_S
            began_ms = wall_ms()
            until(lambda: receiver.of(dying["id"], "monitor.down"), WATCHED_S, "the silence is told")
            at(began_ms + WATCHED_S * 1000)
            assert house.holes() == before
            assert {one.status for one in fleet.answers} == {200}
            sky.proxy.delay_s = 0.0
            until(lambda: fleet.rate() >= HEALTHY, 10, "all is as before")
            with stopped(house.pid("ingest")):
                at(wall_ms() + FROZEN_S * 1000)
            until(lambda: house.holes() != before, 10, "what it has not heard is blind")
        assert {one.monitor_id for one in receiver.calls if one.type == "monitor.down"} == {dying["id"]}
        assert fleet.wrong() == []
