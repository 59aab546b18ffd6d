"""Whatever happens in whatever order: the scripts do what the model says."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.store.live.drive import Theatre
from tests.store.live.machine import machine_on

PROFILE = settings(
    max_examples=200,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def test_the_scripts_do_what_the_model_says_whatever_happens(redis_url: str) -> None:
    with Theatre(redis_url) as theatre:
        run_state_machine_as_test(machine_on(theatre), settings=PROFILE)
