"""Finds all that is wrong with a table in one go: whatever is refused is put again, with something else in its place.

Nothing of that is kept: where anything is refused, the whole import is undone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from overdue.as_file.current import Thing
from overdue.as_file.matching import Complain, Match
from overdue.as_file.putting import Putting
from overdue.as_file.reading import CHANNELS, Table
from store.errors import Invalid, LimitReached

Attempt = Callable[[], AbstractAsyncContextManager[None]]

# What stands in for a value without which nothing can be made. Of the rest it is enough that it is not there.
_STAND_INS: Mapping[str, Any] = {
    "name": "stand-in",
    "to": ["stand-in@example.org"],
    "schedule": "@yearly",
    "metricKey": "stand-in",
    "operator": "=",
    "threshold": 0,
}
_ADDRESSES = {"webhook": "https://example.org", "apprise": "ntfys://stand-in"}
# The other way of saying the same; both are wrong then.
_TWINS = {"channel": "channelId", "channelId": "channel", "schedule": "interval"}


class Trying:
    """Puts tables; what is refused is complained of in the words of the file."""

    def __init__(self, putting: Putting, attempt: Attempt, complain: Complain) -> None:
        self._putting = putting
        self._attempt = attempt
        self._complain = complain

    async def put(self, one: Match, owner: Thing | None = None) -> Thing | None:
        """Put a table as it is, or as near to it as can be; None: there is no such way."""
        table, named = one.table, {""}
        while True:
            try:
                async with self._attempt():
                    return await self._putting.put(table, one.thing, owner)
            except (Invalid, LimitReached) as error:
                field = _field(error, one.table)
                if field in named and field:
                    return None  # what stands in for it is not taken either
                self._complain(one.table, field or None, str(error))
                if field in {"", "type"}:
                    return None
                named |= {field} | (
                    {_TWINS[field]} if field.startswith("channel") and field in _TWINS else set()
                )
                table = self._mended(table, field, one.thing)

    async def stand_in(self, name: str) -> None:
        """A channel of this name, so that those that name it are not complained of as well."""
        values = {"name": name, "type": "webhook", "url": _ADDRESSES["webhook"]}
        try:
            async with self._attempt():
                await self._putting.put(Table(section=CHANNELS, values=values, line=0, lines={}), None)
        except (Invalid, LimitReached):
            return

    def _mended(self, table: Table, field: str, thing: Thing | None) -> Table:
        """The table without this field, or with what stands in for it."""
        gone = {field, _TWINS.get(field)}
        values = {name: value for name, value in table.values.items() if name not in gone}
        if field in {"channel", "channelId"}:
            values["channel"] = self._putting.references.any_id
        elif field == "url":
            known = thing.values if thing is not None else table.values
            values["url"] = _ADDRESSES.get(str(known.get("type")), "")
        elif field in _STAND_INS:
            values[field] = _STAND_INS[field]
        return msgspec.structs.replace(table, values=values)


def _field(error: Invalid | LimitReached, table: Table) -> str:
    """The field to blame as the file calls it; empty: none."""
    field = (error.field or "") if isinstance(error, Invalid) else ""
    return "channel" if field == "channelId" and field not in table.values else field
