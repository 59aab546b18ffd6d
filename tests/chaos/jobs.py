"""The monitors of a round, and calls of the API that have to survive the death of who answers them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import httpx
import msgspec

from store.clock import wall_ms
from tests.system.api import Api, Json
from tests.system.waiting import until

ANSWERED_S = 40.0
Answer = TypeVar("Answer")


class Watched(msgspec.Struct, frozen=True):
    """A monitor: its public id, its ping key, its number inside, and its interval + grace."""

    id: str
    key: str
    limit_ms: int


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
        self.pinged_ms: dict[str, int] = {}

    def make(self, interval_s: int, grace_s: int, name: str = "silent") -> Watched:
        self._asked += 1
        unique = f"{name} {self._asked}"
        made = patiently(
            lambda: self._find(unique) or self._api.monitor(interval_s, grace_s, unique), "a monitor"
        )
        key = str(made["pingUrl"]).rsplit("/", 1)[1]
        return Watched(made["id"], key, (interval_s + grace_s) * 1000)

    def ping(self, one: Watched) -> None:
        """Ping until it is answered 200; the moment is noted by its key."""
        patiently(lambda: self._api.ping_well(one.key), "a ping is answered")
        self.pinged_ms[one.key] = wall_ms()

    def measure(self, one: Watched, load: float) -> None:
        """Ping with a value, until it is answered 200."""
        patiently(lambda: self._api.post(f"/ping/{one.key}", {"load": load}), "a ping is answered")

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
