"""Delays, cuts, black holes, lost replies and refusals between a part and Redis, and before a receiver, harm nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.by_hand import parts_by_hand, valkey_on_its_own
from tests.chaos.company import keeping_company, prepare
from tests.chaos.faults import Fault
from tests.chaos.jobs import Jobs
from tests.chaos.report import line
from tests.chaos.scene import ANSWER_S, Scene
from tests.chaos.weather import KINDS, Weather, under_the_sky
from tests.system.api import Api
from tests.system.fleet import pinging
from tests.system.house import PARTS, House
from tests.system.receiver import Receiver, receiving


@contextmanager
def playing(house: House, receiver: Receiver, weather: Weather, told_at: str) -> Iterator[Scene]:
    api = Api(house.url)
    receiver.secret = api.channel(told_at)["secret"]
    receiver.delay_s = ANSWER_S
    try:
        with pinging(house.port) as fleet, keeping_company(house, api) as company:
            yield Scene(house, api, Jobs(api), receiver, fleet, company, weather)
    finally:
        api.close()


def play_each_kind(scene: Scene, part: str) -> None:
    """A round in each kind of weather."""
    rounds = []
    for number, kind in enumerate(KINDS, 1):
        rounds.append(scene.play(number, Fault(part, weather=kind)))
        print(line(rounds[-1]))
    assert {one.fault.name: one.wrong for one in rounds if one.wrong} == {}, scene.house.said()[-8000:]


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_bad_weather_between_a_part_and_redis_harms_nobody(tmp_path: Path, part: str) -> None:
    prepare(tmp_path)
    with (
        valkey_on_its_own() as redis_url,
        under_the_sky(redis_url, tmp_path) as sky,
        receiving() as receiver,
        parts_by_hand(tmp_path, redis_url, **{part: sky.proxy.url}) as house,
        playing(house, receiver, Weather(sky), receiver.url) as scene,
    ):
        play_each_kind(scene, part)


@pytest.mark.slow
def test_bad_weather_before_a_receiver_delays_what_it_is_told(tmp_path: Path) -> None:
    prepare(tmp_path)
    with (
        valkey_on_its_own() as redis_url,
        receiving() as receiver,
        under_the_sky(receiver.url, tmp_path) as sky,
        parts_by_hand(tmp_path, redis_url) as house,
        playing(house, receiver, Weather(sky), sky.proxy.url) as scene,
    ):
        play_each_kind(scene, "receiver")
