"""The one engine behind both spellings: monitors are created, listed, changed, deleted and looked at here."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from ingest.api.call import Call
from ingest.api.paging import Page, cut, seal
from ingest.api.projecting import project
from store.book import monitors
from store.book.monitors import MonitorChanges, MonitorRow, NewMonitor
from store.book.names import check_name, check_tags
from store.errors import BelowMinimum, Unavailable
from store.monitor import MonitorState, deadline_of, status_of


class Watched(msgspec.Struct, frozen=True):
    """A monitor as it was asked for with what is true of it; `state` is None until Redis knows it."""

    row: MonitorRow
    state: MonitorState | None
    now_ms: int

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
    _check_interval(call, new.interval_s, interval_field)
    new = msgspec.structs.replace(new, tags=check_tags(new.tags))
    await call.live.ready()
    row, change = await monitors.create(call.book, new, call.now_ms)
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
    await call.live.ready()
    row, change = await monitors.change(call.book, call.org_id, public_id, changes, call.now_ms)
    if change is None:
        return (await watched(call, [row]))[0]
    await project(call, change)
    return await _made(call, row)


async def delete(call: Call, public_id: UUID) -> None:
    """Delete one of the caller's monitors; pings to its keys find nothing when this returns."""
    await call.live.ready()
    _, change = await monitors.delete(call.book, call.org_id, public_id, call.now_ms)
    await project(call, change)


def _check_interval(call: Call, interval_s: int, field: str) -> None:
    least_s = call.plan.least_interval_s
    if interval_s < least_s:
        sentence = f"The plan {call.plan.name!r} takes no interval under {least_s} s."
        raise BelowMinimum(sentence, field, least_s)


async def _check_new_interval(call: Call, public_id: UUID, interval_s: int | None, field: str) -> None:
    """A monitor may keep an interval that it has, also one from the time of a larger plan."""
    if interval_s is None or interval_s >= call.plan.least_interval_s:
        return
    row = await monitors.find(call.book, call.org_id, public_id)
    if row.config.interval_s != interval_s:
        _check_interval(call, interval_s, field)


async def watched(call: Call, rows: Sequence[MonitorRow]) -> list[Watched]:
    """What is true of these monitors."""
    now_ms, states = await call.live.states([row.config.id for row in rows])
    return [Watched(row, state, now_ms) for row, state in zip(rows, states, strict=True)]


async def _made(call: Call, row: MonitorRow) -> Watched:
    """A monitor after its change. Redis may go away just then; the caller has to know that the change is made."""
    try:
        return (await watched(call, [row]))[0]
    except Unavailable as error:
        sentence = f"The change is made, but what is true of the monitor cannot be read now ({error})."
        raise Unavailable(sentence, error.retry_after_s) from error
