"""Judges moments: of what was recorded, of what became an incident, and until when each monitor is waited for.

All follow from when pings were sent and answered, and from the blind times, by the words of docs/design.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.chaos.jobs import Watched
from tests.chaos.records import SUCCESS, Records, Row
from tests.system.api import Json
from tests.system.fleet import Ping
from tests.system.receiver import Call

# A process knows Redis' clock by the quickest reply that it has seen: at its start, on a busy machine, that was slow.
EARLY_MS, LATE_MS = 250, 5
# How long a request that nobody waits for any more may stay in the socket of a process that stands still.
READ_LATE_MS = 30_000
WINDOWS_OF_PATIENCE = 3
MINUTE_MS, CRON_GRACE_MS = 60_000, 1_000
Holes = Sequence[tuple[int, int]]


def ms(moment: str | None) -> int:
    """A moment as the API writes it."""
    return round(datetime.fromisoformat(moment).timestamp() * 1000) if moment else 0


def deadline(base_ms: int, limit_ms: int, holes: Holes) -> int:
    """A whole window after the base, or after the last hole that touches the window; after three windows that were
    listened through, no more holes count."""
    ends_ms, unheard_ms = base_ms + limit_ms, 0
    for from_ms, to_ms in sorted(holes):
        if to_ms <= base_ms or from_ms >= ends_ms:
            continue
        if from_ms - base_ms - unheard_ms >= WINDOWS_OF_PATIENCE * limit_ms:
            break
        unheard_ms += to_ms - max(from_ms, base_ms)
        ends_ms = to_ms + limit_ms
    return ends_ms


def judge_recorded(good: Sequence[Ping], records: Records, happened_ms: Mapping[int, int]) -> list[str]:
    """What was answered 200 is recorded at a moment between its sending and its answer, or when it happened."""
    wrong = []
    for one in good:
        row = records.by_number.get(one.number)
        happened = happened_ms.get(one.number)
        if row is None:
            continue
        if happened is not None and row.at_ms != happened:
            wrong.append(
                f"number {one.number} happened at {happened}, is recorded {row.at_ms - happened} ms off"
            )
        elif happened is None and not one.sent_ms - EARLY_MS <= row.at_ms <= one.answered_ms + LATE_MS:
            wrong.append(
                f"number {one.number} is recorded at {row.at_ms}, {row.at_ms - one.sent_ms} ms after it was sent "
                f"and {row.at_ms - one.answered_ms} ms after it was answered"
            )
    return wrong


def judge_plain(good: Sequence[Ping], unanswered_ms: Sequence[int], rows: Sequence[Row]) -> list[str]:
    """What was sent one after the other without a number is recorded once each, between its sending and its answer.

    One that nobody answered, by when it was sent, may have waited in a socket, and be read beside a later one.
    """
    wrong, unused_ms = [], list(unanswered_ms)
    for one in good:
        found = [
            row.at_ms for row in rows if one.sent_ms - EARLY_MS <= row.at_ms <= one.answered_ms + LATE_MS
        ]
        # Each of those is recorded once, too.
        for _ in found[1:]:
            beside = [sent_ms for sent_ms in unused_ms if one.sent_ms - READ_LATE_MS <= sent_ms < one.sent_ms]
            if beside:
                unused_ms.remove(beside[0])
                found.pop()
        if len(found) != 1:
            wrong.append(f"a plain ping from {one.sent_ms} to {one.answered_ms} is recorded at {found}")
    return wrong


def judge_silence(
    one: Watched, incident: Json, calls: Sequence[Call], rows: Sequence[Row], first: Ping, holes: Holes
) -> list[str]:
    """It began when the window after the last ping was over, ended with the next one, and so it was told.

    A first ping may have waited until the monitor was there: then the window began with that, before its answer.
    """
    started, ended = ms(incident["startedAt"]), ms(incident["endedAt"])
    base = max((row.at_ms for row in rows if row.at_ms < started), default=0)
    expected = deadline(base, one.limit_ms, holes)
    delayed = expected - base - one.limit_ms
    wrong = []
    waited = first.answered_ms - base if rows[:1] and rows[0].at_ms == base else 0
    if not expected <= started <= expected + waited:
        wrong.append(
            f"{one.id} was missed {started - expected} ms after its deadline {expected}, base {base}, {holes}"
        )
    wrong += judge_end(one, incident, rows)
    for call in calls:
        wrong += _judge_call(call, incident, base, delayed / 1000 if delayed else None)
        if call.at_ms < (started if call.type == "monitor.down" else ended):
            wrong.append(f"told before it happened: {call}")
    return wrong


def judge_end(one: Watched, incident: Json, rows: Sequence[Row]) -> list[str]:
    """It ended with the first success after its beginning."""
    started, ended = ms(incident["startedAt"]), ms(incident["endedAt"])
    after = [row.at_ms for row in rows if row.at_ms > started and row.signal == SUCCESS]
    if ended != min(after, default=0):
        return [f"{one.id} ended at {ended}, pinged at {after[:3]}"]
    return []


def judge_not_early(one: Watched, incident: Json, rows: Sequence[Row]) -> list[str]:
    """Whatever was lost: who is recorded was waited for."""
    started, ended = ms(incident["startedAt"]), ms(incident["endedAt"])
    wrong = [
        f"{one.id} was missed at {started}, {started - row.at_ms} ms after a ping"
        for row in rows
        if row.at_ms < started < row.at_ms + one.limit_ms
    ]
    if not started <= ended:
        wrong.append(f"{one.id} ended before it began: {incident}")
    return wrong


def judge_shown(shown: Json, limit_ms: int, newest: Ping, until_ms: int, holes: Sequence[Holes]) -> list[str]:
    """A healthy monitor is up, was heard of last when it pinged, and is waited for as its shard's blind times say.

    One without a limit is due at every minute, and may be late for a moment.
    """
    last, ends = ms(shown["lastPingAt"]), ms(shown["nextDeadline"])
    wrong = []
    if shown["status"] not in ({"up"} if limit_ms else {"up", "late"}):
        wrong.append(f"healthy and shown as {shown['status']}: {shown}")
    if not newest.sent_ms - EARLY_MS <= last <= until_ms + LATE_MS:
        wrong.append(f"pinged at {newest.sent_ms}, shown {last - newest.sent_ms} ms off: {shown}")
    expected = {deadline(last, limit_ms, own) if limit_ms else _next_tick(last, own) for own in holes}
    if ends not in expected:
        wrong.append(f"waited for until {ends}, not {expected}: {shown}, {holes}")
    return wrong


def judge_samples(monitor: Watched, key: str, records: Records) -> list[str]:
    """Each ping that came with a value has one sample of its own moment, and the minutes count as many."""
    samples, counted = records.samples(monitor.id, key)
    moments = {row.id: row.at_ms for row in records.of(monitor.id)}
    wrong = []
    if sorted(moments) != sorted(one.ping for one in samples):
        odd = set(moments) ^ {one.ping for one in samples}
        wrong.append(f"{len(moments)} pings with {key} of {monitor.id}, {len(samples)} samples; odd: {odd}")
    wrong += [
        f"a sample of {one.at_ms} came with a ping of {moments[one.ping]}"
        for one in samples
        if moments.get(one.ping, one.at_ms) != one.at_ms
    ]
    if counted != len(samples):
        wrong.append(f"the minutes of {monitor.id} count {counted}, there are {len(samples)} samples")
    return wrong


def judge_runs(rows: Sequence[Row], since_ms: int) -> list[str]:
    """The end of a run knows when it began, and how long it took."""
    started: dict[str, set[int]] = {}
    ended: dict[str, list[Row]] = {}
    for row in rows:
        if row.signal == SUCCESS:
            ended.setdefault(row.run, []).append(row)
        else:
            started.setdefault(row.run, set()).add(row.at_ms)
    wrong = []
    for run, ends in ended.items():
        known = [one for one in ends if one.started_ms in started.get(run, set())]
        if not known and ends[0].at_ms > since_ms:
            wrong.append(f"run {run} ended as {ends}, and had begun at {started.get(run)}")
        wrong += [
            f"a run took {one.duration_ms} ms: {one}"
            for one in known
            if one.duration_ms != one.at_ms - (one.started_ms or 0)
        ]
    return wrong


def _next_tick(base_ms: int, holes: Holes) -> int:
    """The deadline of `* * * * *`, with a second of grace: the first tick after base and holes."""
    ends_ms = (base_ms // MINUTE_MS + 1) * MINUTE_MS + CRON_GRACE_MS
    for from_ms, to_ms in sorted(holes):
        if to_ms > base_ms and from_ms < ends_ms:
            ends_ms = (to_ms // MINUTE_MS + 1) * MINUTE_MS + CRON_GRACE_MS
    return ends_ms


def _judge_call(call: Call, incident: Json, base_ms: int, delayed_s: float | None) -> list[str]:
    """It says what is in the history."""
    told: Mapping[str, Any] = call.told
    is_down = call.type == "monitor.down"
    expected = {
        "timestamp": incident["startedAt"] if is_down else incident["endedAt"],
        "startedAt": incident["startedAt"],
        "endedAt": None if is_down else incident["endedAt"],
        "delayedBySeconds": delayed_s,
    }
    said = {"timestamp": told["timestamp"], **{name: call.incident[name] for name in list(expected)[1:]}}
    if is_down:
        expected["lastPingAt"], said["lastPingAt"] = base_ms, ms(told["data"]["monitor"]["lastPingAt"])
    return [f"told {said}, not {expected}"] if said != expected else []
