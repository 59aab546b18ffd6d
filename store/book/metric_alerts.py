"""Threshold rules as asked for: every query on them, each scoped by organisation. The recorder reads them by itself."""

from __future__ import annotations

from collections.abc import Mapping
from sqlite3 import Row
from typing import Any
from uuid import UUID, uuid4

import msgspec

from store.book.database import ConfigBook, Transaction
from store.errors import Invalid, NotFound
from store.metric_alert import TEXT_OPERATORS, Operator

MOST_RULES = 100

_SELECT = """
SELECT a.id, a.public_id, a.monitor_id, a.metric_key, a.operator, a.threshold, a.consecutive_triggers,
       a.version, a.created_ms, c.public_id AS channel
FROM metric_alerts AS a JOIN channels AS c ON c.id = a.channel_id
"""

# A page of a monitor's rules, oldest first.
PAGE = _SELECT + "WHERE a.org_id = ? AND a.monitor_id = ? AND a.id > ? ORDER BY a.id LIMIT ?"

# All rules of an organisation.
OF_ORG = _SELECT + "WHERE a.org_id = ? ORDER BY a.id"

FIND = _SELECT + "WHERE a.org_id = ? AND a.monitor_id = ? AND a.public_id = ?"

COUNT = "SELECT count(*) AS rules FROM metric_alerts WHERE monitor_id = ?"

INSERT = """
INSERT INTO metric_alerts (public_id, org_id, monitor_id, channel_id, metric_key, operator, threshold,
                           consecutive_triggers, version, created_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)
"""

UPDATE = """
UPDATE metric_alerts
SET channel_id = ?, metric_key = ?, operator = ?, threshold = ?, consecutive_triggers = ?, version = ? WHERE id = ?
"""

DELETE = "DELETE FROM metric_alerts WHERE org_id = ? AND monitor_id = ? AND public_id = ?"

CHANNEL = "SELECT id FROM channels WHERE org_id = ? AND public_id = ?"

MONITOR = "SELECT 1 FROM monitors WHERE org_id = ? AND id = ?"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as somebody wants it; `channel` is the public id of the one to be told."""

    metric_key: str
    operator: Operator
    threshold: float | str
    channel: UUID
    consecutive_triggers: int


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as it is. `version` grows when something else is measured: key, operator or threshold."""

    id: int
    public_id: UUID
    monitor_id: int
    wanted: Wanted
    version: int
    created_ms: int


async def create(book: ConfigBook, org_id: int, monitor_id: int, wanted: Wanted, now_ms: int) -> AlertRow:
    """Make a rule.

    Raises:
        Invalid: texts cannot be compared so, the channel is not there, or the monitor has as many as it can have.
        NotFound: the monitor is not there any more.
    """
    _check(wanted)
    public_id = uuid4()
    async with book.write() as tx:
        if await tx.row(MONITOR, (org_id, monitor_id)) is None:
            raise NotFound("There is no such monitor.")
        count = await tx.row(COUNT, (monitor_id,))
        if count is not None and count["rules"] >= MOST_RULES:
            raise Invalid(f"A monitor has at most {MOST_RULES} metric alerts.")
        channel_id = await _channel_id(tx, org_id, wanted.channel)
        values = (
            str(public_id),
            org_id,
            monitor_id,
            channel_id,
            *_measured(wanted),
            wanted.consecutive_triggers,
        )
        await tx.insert(INSERT, (*values, now_ms))
        tx.made = str(public_id)
        return await _find(tx, org_id, monitor_id, public_id)


async def page(book: ConfigBook, org_id: int, monitor_id: int, after_id: int, limit: int) -> list[AlertRow]:
    """Rules of a monitor, oldest first, beyond the one with the id `after_id` (0: from the start)."""
    return [_read(row) for row in await book.rows(PAGE, (org_id, monitor_id, after_id, limit))]


async def of_org(source: ConfigBook | Transaction, org_id: int) -> list[AlertRow]:
    """All rules of an organisation, oldest first."""
    return [_read(row) for row in await source.rows(OF_ORG, (org_id,))]


async def find(source: ConfigBook | Transaction, org_id: int, monitor_id: int, public_id: UUID) -> AlertRow:
    """One rule of a monitor.

    Raises:
        NotFound: there is none, or it is another monitor's.
    """
    return await _find(source, org_id, monitor_id, public_id)


async def change(
    book: ConfigBook, org_id: int, monitor_id: int, public_id: UUID, changes: Mapping[str, Any]
) -> AlertRow:
    """Change what is named in `changes`, which are fields of Wanted.

    Raises:
        Invalid: as for `create`.
        NotFound: there is no such rule, or it is another monitor's.
    """
    async with book.write() as tx:
        alert = await _find(tx, org_id, monitor_id, public_id)
        wanted = msgspec.structs.replace(alert.wanted, **changes)
        _check(wanted, "operator" if "threshold" not in changes else "threshold")
        if wanted == alert.wanted:
            return alert
        version = alert.version + (_measured(wanted) != _measured(alert.wanted))
        channel_id = await _channel_id(tx, org_id, wanted.channel)
        values = (channel_id, *_measured(wanted), wanted.consecutive_triggers, version, alert.id)
        await tx.execute(UPDATE, values)
        return msgspec.structs.replace(alert, wanted=wanted, version=version)


async def delete(book: ConfigBook, org_id: int, monitor_id: int, public_id: UUID) -> None:
    """Delete a rule.

    Raises:
        NotFound: there is none, or it is another monitor's.
    """
    async with book.write() as tx:
        if not await tx.execute(DELETE, (org_id, monitor_id, str(public_id))):
            raise _no_rule()


def _check(wanted: Wanted, field: str = "threshold") -> None:
    if isinstance(wanted.threshold, str) and wanted.operator not in TEXT_OPERATORS:
        raise Invalid(f"A text can only be compared with {' and '.join(TEXT_OPERATORS)}.", field)


def _measured(wanted: Wanted) -> tuple[str, str, float | str]:
    """What makes it another rule when it changes."""
    return wanted.metric_key, wanted.operator, wanted.threshold


async def _channel_id(tx: Transaction, org_id: int, channel: UUID) -> int:
    row = await tx.row(CHANNEL, (org_id, str(channel)))
    if row is None:
        raise Invalid("There is no such channel.", "channelId")
    return int(row["id"])


async def _find(source: ConfigBook | Transaction, org_id: int, monitor_id: int, public_id: UUID) -> AlertRow:
    row = await source.row(FIND, (org_id, monitor_id, str(public_id)))
    if row is None:
        raise _no_rule()
    return _read(row)


def _no_rule() -> NotFound:
    return NotFound("There is no such metric alert.")


def _read(row: Row) -> AlertRow:
    wanted = Wanted(
        metric_key=row["metric_key"],
        operator=row["operator"],
        threshold=row["threshold"],
        channel=UUID(row["channel"]),
        consecutive_triggers=row["consecutive_triggers"],
    )
    return AlertRow(
        id=row["id"],
        public_id=UUID(row["public_id"]),
        monitor_id=row["monitor_id"],
        wanted=wanted,
        version=row["version"],
        created_ms=row["created_ms"],
    )
