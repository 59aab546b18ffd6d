"""What monitors sent last, read from history.db by the sweeper, for what people are told. It never writes.

It may not hold up an alert: what takes longer than it may is broken off.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from store.beat import Signal
from store.book.database import translated
from store.book.history_writer import PINGS
from store.book.ping_questions import ALONE, IN_LANE, USER_AGENT
from store.clock import monotonic_ms
from store.errors import Unavailable
from store.last_ping import LastPing, short_name, tail_of

# In steps of SQLite's virtual machine; a millisecond or so.
LOOK_AT_CLOCK_EVERY = 50_000

COLUMNS = "SELECT name FROM pragma_table_info(?)"

# The newest ping of a monitor (?1) up to a moment (?2), on one day.
LAST = """
SELECT at_ms, sender, user_agent, body, signal, exit_code FROM (
  SELECT id, at_ms, sender, {user_agent} AS user_agent, body, {signal} AS signal, {exit_code} AS exit_code
  FROM {table}{join} WHERE {is_of_monitor} AND at_ms <= ?2 ORDER BY id DESC LIMIT 50
) ORDER BY at_ms DESC, id DESC LIMIT 1
"""

# What the pings of a day signalled that were no plain ones; a day may have none of these.
JOIN = " LEFT JOIN {signals} ON ping_id = id"


class Wanted(msgspec.Struct, frozen=True):
    """Of which monitor, on which day (any moment of it), and up to which moment."""

    monitor_id: int
    day_ms: int
    until_ms: int


def last_pings(path: Path, wanted: Sequence[Wanted], within_ms: int) -> list[LastPing | None]:
    """The last ping of each; None where there is none on its day.

    Raises:
        Unavailable: history.db cannot be read now, not within so many ms, or is not there.
    """
    until_ms = monotonic_ms() + within_ms
    address = f"{path.absolute().as_uri()}?mode=ro"
    with (
        translated(),
        closing(sqlite3.connect(address, uri=True, timeout=within_ms / 1000)) as connection,
    ):
        connection.set_progress_handler(lambda: monotonic_ms() > until_ms, LOOK_AT_CLOCK_EVERY)
        questions = {
            table: _question(connection, table) for table in {PINGS.table(one.day_ms) for one in wanted}
        }
        found = []
        for one in wanted:
            if monotonic_ms() > until_ms:
                raise Unavailable("history.db took too long")
            found.append(_last_ping(connection, questions[PINGS.table(one.day_ms)], one))
        return found


def _last_ping(connection: sqlite3.Connection, question: str | None, one: Wanted) -> LastPing | None:
    if question is None:
        return None
    row = connection.execute(question, (one.monitor_id, one.until_ms)).fetchone()
    return None if row is None else _read(*row)


def _read(
    at_ms: int,
    sender: str | None,
    user_agent: str | None,
    body: bytes | None,
    signal: int | None,
    exit_code: int | None,
) -> LastPing:
    message, is_cut = tail_of(body or b"")
    return LastPing(
        at_ms=at_ms,
        sender=short_name(sender or ""),
        user_agent=short_name(user_agent or ""),
        signal=Signal(signal).name.lower() if signal else "",
        exit_code=exit_code,
        message=message,
        is_cut=is_cut,
    )


def _question(connection: sqlite3.Connection, table: str) -> str | None:
    """The question about a day, as the version that began the day has laid it out; None: nobody pinged then."""
    columns = {name for (name,) in connection.execute(COLUMNS, (table,))}
    if not columns:
        return None
    signals = f"signals_{table.partition('_')[2]}"
    has_signals = connection.execute(COLUMNS, (signals,)).fetchone() is not None
    user_agent = "user_agent" if "user_agent_id" not in columns else USER_AGENT
    if {"user_agent", "user_agent_id"} <= columns:
        user_agent = f"coalesce(user_agent, {USER_AGENT})"
    return LAST.format(
        table=table,
        user_agent=user_agent,
        signal="signal" if has_signals else "NULL",
        exit_code="exit_code" if has_signals else "NULL",
        join=JOIN.format(signals=signals) if has_signals else "",
        is_of_monitor=ALONE if "user_agent" in columns else IN_LANE,
    )
