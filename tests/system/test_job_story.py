"""A job under `overdue run` with all processes: its start, its end, its last words, and what becomes of a failure."""

from __future__ import annotations

from tests.overdue.job.running import run
from tests.system.api import Api, Json
from tests.system.house import House
from tests.system.receiver import Receiver
from tests.system.waiting import until

WITHIN_S = 15.0


def pings(api: Api, job: Json, count: int) -> list[Json]:
    """So many pings, oldest first."""

    def there() -> list[Json]:
        found = api.pings(job["id"])
        return found[::-1] if len(found) >= count else []

    return until(there, WITHIN_S, f"{count} pings are listed")


def test_a_job_is_seen_from_its_start_to_its_end(house: House, api: Api, receiver: Receiver) -> None:
    job = api.monitor(interval_s=3600, grace_s=60, name="nightly backup")
    url = f"{house.url}/ping/{job['key']}"

    failed = run(url, "sh", "-c", "echo out; echo 'no space left' >&2; exit 3")
    assert (failed.code, failed.err) == (3, b"no space left\n")
    start, end = pings(api, job, 2)
    assert (start["signal"], end["signal"], end["exitCode"]) == ("start", "fail", 3)
    assert start["run"] == end["run"] is not None
    assert 0 <= end["durationMs"] < 60_000
    body = api.text(f"/api/monitors/{job['id']}/pings/{end['id']}/body")
    assert sorted(body.splitlines()) == ["no space left", "out"]
    [opened] = until(lambda: api.incidents(job["id"]), WITHIN_S, "the failure is an incident")
    assert (opened["kind"], opened["endedAt"]) == ("fail", None)
    [down] = until(lambda: receiver.of(job["id"], "monitor.down"), WITHIN_S, "the failure is told")
    assert (down.incident["id"], down.incident["kind"]) == (opened["id"], "fail")
    assert api.status(job["id"]) == "down"

    assert run(url, "true").code == 0
    *_, end = pings(api, job, 4)
    assert (end["signal"], end["exitCode"], end["hasBody"]) == ("success", 0, False)
    [closed] = until(lambda: [one for one in api.incidents(job["id"]) if one["endedAt"]], WITHIN_S, "it ends")
    assert (closed["id"], api.status(job["id"])) == (opened["id"], "up")
    [up] = until(lambda: receiver.of(job["id"], "monitor.up"), WITHIN_S, "the recovery is told")
    assert up.incident["id"] == opened["id"]
    [duration] = api.get(f"/api/monitors/{job['id']}/metrics")["metrics"]
    assert (duration["key"], duration["last"]) == ("duration_ms", end["durationMs"])
