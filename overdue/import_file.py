"""Reads a file of monitors: one body of POST /api/monitors a line. All lines are checked before anything is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from ingest.api.monitors import USUAL_INTERVAL_S, CreateMonitor, wishes_in
from ingest.api.registry import check_pace
from ingest.api.wire import MAX_BODY_BYTES, Unparsable, decode, given
from store.book.imports import ORIGIN
from store.book.monitors import NewMonitor
from store.book.names import check_name, check_tags
from store.errors import Invalid
from store.plans import Plan
from store.wishes import asked_anew

COMPLAINTS_SHOWN = 20
LINES_A_STEP = 1000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_DECODER = msgspec.json.Decoder(CreateMonitor)


def read_monitors(content: bytes, org_id: int, plan: Plan, step: Callable[[int], None]) -> list[NewMonitor]:
    """The monitors that a file asks for, in its order; `step` is told how many bytes more are read.

    Raises:
        Invalid: some lines cannot be used; names the first of them, each with its number and field.
    """
    found: list[NewMonitor] = []
    complaints: list[str] = []
    unread = 0
    for number, line in _lines(content):
        unread += len(line) + 1
        if number % LINES_A_STEP == 0:
            step(unread)
            unread = 0
        try:
            found.append(_read(line, org_id, plan))
        except (Invalid, Unparsable) as error:
            complaints.append(f"line {number}: {_in_words(error)}")
    step(unread)
    if complaints:
        raise Invalid(_report(complaints))
    if not found:
        raise Invalid("The file asks for no monitor: each line is a body of POST /api/monitors.")
    return found


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, without those that are blank."""
    start, number = len(_BYTE_ORDER_MARK) if content.startswith(_BYTE_ORDER_MARK) else 0, 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        number += 1
        if line := content[start:end].strip():
            yield number, line
        start = end + 1


def _read(line: bytes, org_id: int, plan: Plan) -> NewMonitor:
    if len(line) > MAX_BODY_BYTES:
        raise Invalid(f"A line has at most {MAX_BODY_BYTES} bytes.")
    asked = decode(_DECODER, line)
    usual_s = max(USUAL_INTERVAL_S, plan.least_interval_s)
    wishes, interval_s = asked_anew(wishes_in(asked), given(asked.interval), usual_s)
    check_pace(plan, interval_s, wishes, "interval")
    return NewMonitor(
        org_id=org_id,
        name=check_name(asked.name),
        interval_s=interval_s,
        grace_s=asked.grace_period,
        origin=ORIGIN,
        tags=check_tags(asked.tags),
        wishes=wishes,
    )


def _in_words(error: Invalid | Unparsable) -> str:
    if isinstance(error, Unparsable):
        return f"this is not JSON: {error}"
    return f"{error.field}: {error}" if error.field else str(error)


def _report(complaints: Sequence[str]) -> str:
    shown = complaints[:COMPLAINTS_SHOWN]
    if more := len(complaints) - len(shown):
        shown = [*shown, f"and {more} more"]
    lines = "line" if len(complaints) == 1 else "lines"
    return "\n  ".join([f"{len(complaints)} {lines} cannot be used, so nothing was imported:", *shown])
