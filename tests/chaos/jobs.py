"""The monitors of a round, and calls of the API that have to survive the death of who answers them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TypeVar

import httpx
import msgspec

from store.clock import wall_ms
from tests.system.api import Api, Json
from tests.system.fleet import Ping
from tests.system.waiting import until

ANSWERED_S = 40.0
# Apart from those of the fleet and of the company.
FIRST_NUMBER = 2 * 10**15
Answer = TypeVar("Answer")


class Watched(msgspec.Struct, frozen=True):
    """A monitor: its public id, its ping key, and its interval + grace."""

    id: str
    key: str
    limit_ms: int


def watched(made: Json) -> Watched:
    """A monitor as the API shows it. One with a schedule has no limit that would be the same always."""
    key = str(made["pingUrl"]).rsplit("/", 1)[1]
    return Watched(made["id"], key, ((made["interval"] or 0) + made["gracePeriod"]) * 1000)


def patiently(call: Callable[[], Answer], what: str) -> Answer:
    """The answer to a call that may be made twice; whoever answers may be dead at the moment."""

    def answered() -> list[Answer]:
        try:
            return [call()]
        except (httpx.TransportError, AssertionError):
            return []

    return until(answered, ANSWERED_S, what)[0]


class Jobs:
    """Makes monitors by name. One that was asked for and not answered may be there all the same: it is looked up."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._asked = 0
        self._numbers = itertools.count(FIRST_NUMBER + wall_ms() * 1000)
        self.answers: list[Ping] = []

    def make(self, interval_s: int, grace_s: int, name: str = "silent") -> Watched:
        self._asked += 1
        unique = f"{name} {self._asked}"
        made = patiently(
            lambda: self._find(unique) or self._api.monitor(interval_s, grace_s, unique), "a monitor"
        )
        return watched(made)

    def ping(self, one: Watched) -> None:
        """Ping until it is answered 200."""
        self._beat(one, self._api.get)

    def measure(self, one: Watched, load: float) -> None:
        """Ping with a value, until it is answered 200."""
        self._beat(one, lambda path: self._api.post(path, {"load": load}))

    def _beat(self, one: Watched, send: Callable[[str], object]) -> None:
        """Each attempt has a number of its own, as one that nobody answered may be recorded all the same."""

        def sent() -> Ping:
            number, sent_ms = next(self._numbers), wall_ms()
            send(f"/ping/{one.key}?n={number}")
            return Ping(number, one.key, 200, sent_ms, wall_ms())

        self.answers.append(patiently(sent, "a ping is answered"))

    def pause(self, one: Watched) -> None:
        patiently(lambda: self._api.pause(one.id), "a pause")

    def resume(self, one: Watched) -> None:
        """Nothing changes for one that is not paused."""
        patiently(lambda: self._api.pause(one.id, False), "a pause ends")

    def delete(self, one: Watched) -> None:
        patiently(lambda: self._delete(one), "a deletion")

    def _find(self, name: str) -> Json | None:
        found = self._api.get("/api/monitors?limit=1000")["monitors"]
        return next((one for one in found if one["name"] == name), None)

    def _delete(self, one: Watched) -> None:
        """One that is not there any more was deleted by a call that nobody answered."""
        if any(other["id"] == one.id for other in self._api.get("/api/monitors?limit=1000")["monitors"]):
            self._api.delete(f"/api/monitors/{one.id}")
