"""The one engine behind both spellings: monitors are created, listed, changed, deleted and looked at here."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from ingest.api.call import Call
from ingest.api.paging import Page, cut, seal
from ingest.api.projecting import project
from store.book import maintenance, monitors
from store.book.monitors import MonitorChanges, MonitorRow, NewMonitor
from store.book.names import check_name, check_tags
from store.book.rules_ahead import Heard
from store.errors import BelowMinimum, Unavailable
from store.maintenance import Recurrence, on_until
from store.monitor import MonitorState, deadline_of, status_of
from store.plans import Plan
from store.wishes import Wishes, shortest_gap_s


class Watched(msgspec.Struct, frozen=True):
    """A monitor as it was asked for with what is true of it; `state` is None until Redis knows it.

    `quiet_until_ms`: the end of the maintenance window that is on now; None if none is.
    """

    row: MonitorRow
    state: MonitorState | None
    now_ms: int
    quiet_until_ms: int | None = None

    @property
    def status(self) -> str:
        """One of `new`, `up`, `late`, `down`, `paused`."""
        return status_of(self.row.config, self.state, self.now_ms)

    @property
    def seen_ms(self) -> int | None:
        return (self.state.seen_ms or None) if self.state else None

    @property
    def deadline_ms(self) -> int | None:
        """The end of the longest silence allowed, blind time included; None while nothing is awaited."""
        return deadline_of(self.row.config, self.state)


def usual_interval_s(call: Call, usual_s: int) -> int:
    """The interval of a monitor for which none is asked: the usual one, or the shortest that the plan allows."""
    return max(usual_s, call.plan.least_interval_s)


async def create(call: Call, new: NewMonitor, interval_field: str) -> Watched:
    """Make a monitor, which is watched when this returns. The field is how the spelling calls the interval."""
    check_name(new.name)
    check_pace(call.plan, new.interval_s, new.wishes, interval_field)
    new = msgspec.structs.replace(new, tags=check_tags(new.tags))
    await call.live.ready()
    heard = Heard((await call.live.states([]))[0]) if new.wishes.schedule is not None else None
    row, change = await monitors.create(call.book, new, call.now_ms, heard)
    await project(call, change)
    return await _made(call, row)


async def page(call: Call, page: Page) -> tuple[list[Watched], str | None]:
    """A page of the caller's monitors, oldest first, and the cursor of the next one."""
    found = await monitors.page(call.book, call.org_id, page.after_id, page.limit_and_one)
    rows, last = cut(found, page.limit)
    return await watched(call, rows), seal(str(last.config.id)) if last else None


async def find(call: Call, public_id: UUID) -> Watched:
    """One of the caller's monitors."""
    row = await monitors.find(call.book, call.org_id, public_id)
    return (await watched(call, [row]))[0]


async def change(
    call: Call, public_id: UUID, changes: MonitorChanges, interval_field: str = "interval"
) -> Watched:
    """Change one of the caller's monitors."""
    if changes.name is not None:
        check_name(changes.name)
    if changes.tags is not None:
        changes = msgspec.structs.replace(changes, tags=check_tags(changes.tags))
    await _check_new_interval(call, public_id, changes.interval_s, interval_field)
    if changes.wishes.schedule is not None:
        check_pace(call.plan, 0, Wishes(schedule=changes.wishes.schedule), interval_field)
    await call.live.ready()
    heard = await _heard(call, public_id, changes)
    row, change = await monitors.change(call.book, call.org_id, public_id, changes, call.now_ms, heard)
    if change is None:
        return (await watched(call, [row]))[0]
    await project(call, change)
    return await _made(call, row)


async def delete(call: Call, public_id: UUID) -> None:
    """Delete one of the caller's monitors; pings to its keys find nothing when this returns."""
    await call.live.ready()
    _, change = await monitors.delete(call.book, call.org_id, public_id, call.now_ms)
    await project(call, change)


def check_pace(plan: Plan, interval_s: int, wishes: Wishes, field: str) -> None:
    """Whether a plan allows pings so often.

    Raises:
        BelowMinimum: it does not; names the field, or the schedule.
        Invalid: the schedule cannot be read.
    """
    shortest_s, least_s = shortest_gap_s(wishes), plan.least_interval_s
    if (interval_s if shortest_s is None else shortest_s) >= least_s:
        return
    kind, named = ("interval", field) if shortest_s is None else ("schedule with a gap", "schedule")
    raise BelowMinimum(f"The plan {plan.name!r} takes no {kind} under {least_s} s.", named, least_s)


async def _heard(call: Call, public_id: UUID, changes: MonitorChanges) -> Heard | None:
    """When a monitor was heard last, if it has a schedule: that counts from there, by Redis' clock."""
    row = await monitors.find(call.book, call.org_id, public_id)
    if row.wishes.schedule is None and changes.wishes.schedule is None:
        return None
    now_ms, (state,) = await call.live.states([row.config.id])
    return Heard(now_ms, state.base_ms if state is not None else None)


async def _check_new_interval(call: Call, public_id: UUID, interval_s: int | None, field: str) -> None:
    """A monitor may keep an interval that it has, also one from the time of a larger plan."""
    if interval_s is None or interval_s >= call.plan.least_interval_s:
        return
    row = await monitors.find(call.book, call.org_id, public_id)
    if row.config.interval_s != interval_s:
        check_pace(call.plan, interval_s, Wishes(), field)


async def watched(call: Call, rows: Sequence[MonitorRow]) -> list[Watched]:
    """What is true of these monitors."""
    ids = [row.config.id for row in rows]
    now_ms, states = await call.live.states(ids)
    windows = await maintenance.concerning(call.book, ids)
    return [
        Watched(row, state, now_ms, _quiet_until_ms(windows.get(row.config.id, ()), now_ms))
        for row, state in zip(rows, states, strict=True)
    ]


def _quiet_until_ms(windows: Sequence[Recurrence], now_ms: int) -> int | None:
    until_s = on_until(windows, now_ms // 1000)
    return None if until_s is None else until_s * 1000


async def _made(call: Call, row: MonitorRow) -> Watched:
    """A monitor after its change. Redis may go away just then; the caller has to know that the change is made."""
    try:
        return (await watched(call, [row]))[0]
    except Unavailable as error:
        sentence = f"The change is made, but what is true of the monitor cannot be read now ({error})."
        raise Unavailable(sentence, error.retry_after_s) from error
