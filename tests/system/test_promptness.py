"""The webhook of a fast receiver is called within 300 ms of the deadline, in a house that has nothing else to do."""

from __future__ import annotations

from statistics import median

import pytest

from store.clock import wall_ms
from tests.system.api import Api
from tests.system.house import House
from tests.system.receiver import Receiver
from tests.system.test_story import ms_of, told
from tests.system.waiting import at

PROMISED_MS = 300
# On a machine that is busy with other things; then a series that is not prompt is played again.
AT_THE_LATEST_MS = 2_000
SERIES, DEADLINES = 3, 5
# So that deadlines come at any moment of the house's own rounds.
APART_MS = 370


def delays_ms(api: Api, receiver: Receiver) -> list[int]:
    """From deadlines to calls, of some jobs that ping once."""
    jobs = []
    for number in range(DEADLINES):
        jobs.append(api.monitor(1, 1, f"job {number}"))
        api.ping_well(jobs[-1]["key"])
        at(wall_ms() + APART_MS)
    calls = [told(receiver, one["id"], "monitor.down") for one in jobs]
    return sorted(one.at_ms - ms_of(one.incident["startedAt"]) for one in calls)


@pytest.mark.slow
def test_a_webhook_comes_within_300_ms_of_its_deadline(house: House, api: Api, receiver: Receiver) -> None:
    warm = api.monitor(1, 0, "the first one")
    told(receiver, warm["id"], "monitor.down")
    medians_ms: list[float] = []
    while len(medians_ms) < SERIES and not any(one <= PROMISED_MS for one in medians_ms):
        found = delays_ms(api, receiver)
        print(f"called {found} ms after the deadline, {median(found)} in the median")
        assert found[0] >= 0
        assert found[-1] <= AT_THE_LATEST_MS
        medians_ms.append(median(found))
    assert min(medians_ms) <= PROMISED_MS
