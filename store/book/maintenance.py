"""Maintenance windows as asked for: queries on them, scoped by organisation. Each change is noted for the keeper."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from sqlite3 import Row
from uuid import UUID, uuid4

import msgspec

from store.book import rule_changes
from store.book.database import ConfigBook, Transaction
from store.errors import Invalid, LimitReached, NotFound
from store.maintenance import Recurrence, checked

MOST_WINDOWS = 100
MOST_NAMED = 1000

_SELECT = """
SELECT w.id, w.public_id, w.name, w.times, w.is_for_all, w.created_ms,
       (SELECT json_group_array(tag) FROM (
            SELECT tag FROM maintenance_tags WHERE window_id = w.id ORDER BY tag)) AS tags,
       (SELECT json_group_array(public_id) FROM (
            SELECT m.public_id FROM maintenance_monitors AS n JOIN monitors AS m ON m.id = n.monitor_id
            WHERE n.window_id = w.id ORDER BY m.id)) AS monitors
FROM maintenance AS w
"""

# A page of an organisation's windows, oldest first.
PAGE = _SELECT + "WHERE w.org_id = ? AND w.id > ? ORDER BY w.id LIMIT ?"

FIND = _SELECT + "WHERE w.org_id = ? AND w.public_id = ?"

COUNT = "SELECT count(*) AS windows FROM maintenance WHERE org_id = ?"

INSERT = """
INSERT INTO maintenance (public_id, org_id, name, times, is_for_all, created_ms) VALUES (?, ?, ?, ?, ?, ?)
"""

UPDATE = "UPDATE maintenance SET name = ?, times = ?, is_for_all = ? WHERE id = ?"

DELETE = "DELETE FROM maintenance WHERE id = ?"

FORGET_TAGS = "DELETE FROM maintenance_tags WHERE window_id = ?"

FORGET_MONITORS = "DELETE FROM maintenance_monitors WHERE window_id = ?"

ADD_TAG = "INSERT INTO maintenance_tags (window_id, org_id, tag) VALUES (?, ?, ?)"

ADD_MONITOR = """
INSERT INTO maintenance_monitors (window_id, monitor_id) SELECT ?, id FROM monitors WHERE org_id = ? AND public_id = ?
"""

ANY = "SELECT 1 FROM maintenance LIMIT 1"

# Which windows concern which of some monitors.
CONCERNING = """
WITH asked (id) AS (SELECT value FROM json_each(?))
SELECT m.id AS monitor_id, w.id AS window_id FROM asked JOIN monitors AS m ON m.id = asked.id
    JOIN maintenance AS w ON w.org_id = m.org_id AND w.is_for_all
UNION
SELECT n.monitor_id, n.window_id FROM asked JOIN maintenance_monitors AS n ON n.monitor_id = asked.id
UNION
SELECT t.monitor_id, w.window_id FROM asked JOIN monitor_tags AS t ON t.monitor_id = asked.id
    JOIN maintenance_tags AS w ON w.org_id = t.org_id AND w.tag = t.tag
ORDER BY 1, 2
"""

TIMES_OF = "SELECT id, times FROM maintenance WHERE id IN (SELECT value FROM json_each(?))"

_TIMES: msgspec.json.Decoder[Recurrence] = msgspec.json.Decoder(Recurrence)
_TAGS = msgspec.json.Decoder(tuple[str, ...])
_MONITORS = msgspec.json.Decoder(tuple[UUID, ...])
_encode = msgspec.json.Encoder().encode


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A window as somebody wants it: for all monitors, or for those that have a tag or are named."""

    name: str
    times: Recurrence
    is_for_all: bool
    tags: tuple[str, ...] = ()
    monitors: tuple[UUID, ...] = ()


class WindowRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    public_id: UUID
    window: Window
    created_ms: int


async def create(book: ConfigBook, org_id: int, window: Window, now_ms: int) -> WindowRow:
    """Make a window.

    Raises:
        Invalid: it cannot be, or a monitor is not there.
        LimitReached: the organisation has as many as it can have.
    """
    window = _checked(window)
    public_id = uuid4()
    async with book.write() as tx:
        count = await tx.row(COUNT, (org_id,))
        if count is not None and count["windows"] >= MOST_WINDOWS:
            raise LimitReached(f"There is room for {MOST_WINDOWS} maintenance windows.", MOST_WINDOWS)
        values = (str(public_id), org_id, window.name, _packed(window.times), window.is_for_all, now_ms)
        window_id = await tx.insert(INSERT, values)
        await _name(tx, org_id, window_id, window)
        made = await _find(tx, org_id, public_id)
        tx.made = str(public_id)
        await _note(tx, org_id, window_id, made.window)
        return made


async def page(book: ConfigBook, org_id: int, after_id: int, limit: int) -> list[WindowRow]:
    """Windows of this organisation, oldest first, beyond the one with the id `after_id` (0: from the start)."""
    return [_read(row) for row in await book.rows(PAGE, (org_id, after_id, limit))]


async def find(source: ConfigBook | Transaction, org_id: int, public_id: UUID) -> WindowRow:
    """One window of this organisation.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    return await _find(source, org_id, public_id)


async def change(book: ConfigBook, org_id: int, public_id: UUID, window: Window) -> WindowRow:
    """Let a window be another one.

    Raises:
        Invalid: it cannot be, or a monitor is not there.
        NotFound: there is none, or it is somebody else's.
    """
    window = _checked(window)
    async with book.write() as tx:
        former = await _find(tx, org_id, public_id)
        if window == former.window:
            return former
        await _note(tx, org_id, former.id, former.window)
        await tx.execute(UPDATE, (window.name, _packed(window.times), window.is_for_all, former.id))
        await tx.execute(FORGET_TAGS, (former.id,))
        await tx.execute(FORGET_MONITORS, (former.id,))
        await _name(tx, org_id, former.id, window)
        await _note(tx, org_id, former.id, window)
        return await _find(tx, org_id, public_id)


async def delete(book: ConfigBook, org_id: int, public_id: UUID) -> None:
    """Delete a window.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    async with book.write() as tx:
        former = await _find(tx, org_id, public_id)
        await _note(tx, org_id, former.id, former.window)
        await tx.execute(DELETE, (former.id,))


async def concerning(
    source: ConfigBook | Transaction, monitor_ids: Collection[int]
) -> Mapping[int, Sequence[Recurrence]]:
    """The times of all windows that concern some monitors, by monitor; one that is not there has none."""
    if not monitor_ids or await source.row(ANY) is None:
        return {}
    pairs = await source.rows(CONCERNING, (_encode(sorted(monitor_ids)).decode(),))
    window_ids = sorted({row["window_id"] for row in pairs})
    rows = await source.rows(TIMES_OF, (_encode(window_ids).decode(),))
    times = {row["id"]: _TIMES.decode(row["times"]) for row in rows}
    found: dict[int, list[Recurrence]] = {}
    for row in pairs:
        found.setdefault(row["monitor_id"], []).append(times[row["window_id"]])
    return found


def _checked(window: Window) -> Window:
    if len(window.tags) + len(window.monitors) > MOST_NAMED:
        field = "tags" if len(window.tags) > MOST_NAMED else "monitors"
        raise Invalid(f"A window names at most {MOST_NAMED} tags and monitors.", field)
    return msgspec.structs.replace(
        window,
        times=checked(window.times),
        tags=tuple(sorted(set(window.tags))),
        monitors=tuple(dict.fromkeys(window.monitors)),
    )


async def _name(tx: Transaction, org_id: int, window_id: int, window: Window) -> None:
    await tx.insert_many(ADD_TAG, [(window_id, org_id, tag) for tag in window.tags])
    for one in window.monitors:
        if not await tx.execute(ADD_MONITOR, (window_id, org_id, str(one))):
            raise Invalid(f"There is no monitor {one}.", "monitors")


async def _note(tx: Transaction, org_id: int, window_id: int, window: Window) -> None:
    """Let the keeper work out anew whatever this window concerns."""
    if window.is_for_all:
        await rule_changes.note_org(tx, org_id)
        return
    await rule_changes.note_tags(tx, org_id, window.tags)
    await rule_changes.note_monitors_of_window(tx, org_id, window_id)


async def _find(source: ConfigBook | Transaction, org_id: int, public_id: UUID) -> WindowRow:
    row = await source.row(FIND, (org_id, str(public_id)))
    if row is None:
        raise NotFound("There is no such maintenance window.")
    return _read(row)


def _packed(times: Recurrence) -> str:
    return _encode(times).decode()


def _read(row: Row) -> WindowRow:
    window = Window(
        name=row["name"],
        times=_TIMES.decode(row["times"]),
        is_for_all=bool(row["is_for_all"]),
        tags=_TAGS.decode(row["tags"]),
        monitors=_MONITORS.decode(row["monitors"]),
    )
    return WindowRow(
        id=row["id"], public_id=UUID(row["public_id"]), window=window, created_ms=row["created_ms"]
    )
