"""The API and the doors as a user's script sees them; a reply that is not what was hoped for fails the test."""

from __future__ import annotations

from typing import Any

import httpx

from tests.system.house import ADMIN_KEY

Json = dict[str, Any]


class Api:
    """One user, with the key of the first organisation if it is not another one's."""

    def __init__(self, url: str, key: str = ADMIN_KEY) -> None:
        self._client = httpx.Client(base_url=url, headers={"x-api-key": key}, trust_env=False, timeout=15)

    def close(self) -> None:
        self._client.close()

    def monitor(self, interval_s: int = 1, grace_s: int = 1, name: str = "job") -> Json:
        """A new monitor in the second spelling; `key` is added to what the API says."""
        asked = {"name": name, "interval": interval_s, "gracePeriod": grace_s}
        made = self.post("/api/monitors", asked)
        return {**made, "key": made["pingUrl"].rsplit("/", 1)[1]}

    def try_to_make(self) -> httpx.Response:
        """Whatever the answer to the making of a monitor is."""
        return self._client.post("/api/monitors", json={"name": "another", "interval": 3600})

    def heartbeat(self, schedule: str = "every 1s", grace_s: int = 1, name: str = "job") -> Json:
        """A new monitor in the first spelling."""
        asked = {"name": name, "schedule": schedule, "grace_period_seconds": grace_s}
        return self.post("/api/v1/heartbeats", asked)

    def channel(self, url: str) -> Json:
        return self.post("/api/channels", {"type": "webhook", "name": "receiver", "url": url})

    def shown(self, monitor_id: str) -> Json:
        shown: Json = self.get(f"/api/monitors/{monitor_id}")
        return shown

    def status(self, monitor_id: str) -> str:
        return str(self.shown(monitor_id)["status"])

    def pause(self, monitor_id: str, paused: bool = True) -> None:
        self._read(self._client.patch(f"/api/monitors/{monitor_id}", json={"paused": paused}))

    def pings(self, monitor_id: str) -> list[Json]:
        found: list[Json] = self.get(f"/api/monitors/{monitor_id}/pings")["pings"]
        return found

    def incidents(self, monitor_id: str) -> list[Json]:
        found: list[Json] = self.get(f"/api/monitors/{monitor_id}/incidents")["incidents"]
        return found

    def blind_times(self) -> list[Json]:
        found: list[Json] = self.get("/api/blind-times")["blindTimes"]
        return found

    def deliveries(self, monitor_id: str) -> list[Json]:
        found: list[Json] = self.get(f"/api/deliveries?monitor={monitor_id}")["deliveries"]
        return found

    def ping(self, key: str, door: str = "/ping/", query: str = "") -> httpx.Response:
        return self._client.get(f"{door}{key}", params=query or None)

    def ping_well(self, key: str, door: str = "/ping/", query: str = "") -> Json:
        """A ping that is answered 200; the reply's body."""
        said: Json = self._read(self.ping(key, door, query))
        return said

    def metrics(self) -> str:
        reply = self._client.get("/metrics")
        assert reply.status_code == 200
        return reply.text

    def get(self, path: str) -> Any:
        return self._read(self._client.get(path))

    def text(self, path: str) -> str:
        reply = self._client.get(path)
        assert reply.is_success, reply.text
        return reply.text

    def post(self, path: str, asked: Json) -> Json:
        made: Json = self._read(self._client.post(path, json=asked))
        return made

    def delete(self, path: str) -> None:
        reply = self._client.delete(path)
        assert reply.status_code == 204, reply.text

    def _read(self, reply: httpx.Response) -> Any:
        assert reply.is_success, (
            f"{reply.request.method} {reply.url} answers {reply.status_code}: {reply.text}"
        )
        return reply.json()
