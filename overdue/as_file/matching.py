"""Which table of the file means which thing: by its id if it has one, else by its name. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from overdue.as_file.current import Thing
from overdue.as_file.reading import Table, said

Complain = Callable[[Table, str | None, str], None]


class Match(msgspec.Struct, frozen=True):
    """A table with the thing that it means; None: it is to be made."""

    table: Table
    thing: Thing | None


def match(tables: Sequence[Table], things: Sequence[Thing], complain: Complain) -> list[Match]:
    """The things that the tables mean. A table that means none, or two that mean one, are complained of.

    1. A table with an id means the thing with that id, whatever it is called. It has to be there.
    2. The others mean what is called so, among the things that no id means; what is not there is to be made.
    """
    by_id = {thing.id: thing for thing in things}
    meant: dict[str, Table] = {}
    found: list[Match] = []
    for table in tables:
        if "id" in table.values:
            thing = by_id.get(str(table.values["id"]).lower())
            if thing is None:
                complain(table, "id", f"there is no {table.noun} with this id; leave it out to make one.")
            elif thing.id in meant:
                complain(table, "id", f"this is the same as {meant[thing.id].at()}.")
            else:
                meant[thing.id] = table
                found.append(Match(table, thing))
    by_name: dict[str, list[Thing]] = defaultdict(list)
    for thing in things:
        if thing.id not in meant:
            by_name[thing.name].append(thing)
    found += _by_name([table for table in tables if "id" not in table.values], by_name, complain)
    places = {id(table): place for place, table in enumerate(tables)}
    return sorted(found, key=lambda one: places[id(one.table)])


def _by_name(tables: Iterable[Table], by_name: dict[str, list[Thing]], complain: Complain) -> list[Match]:
    named: dict[str, Table] = {}
    found: list[Match] = []
    for table in tables:
        same = by_name.get(table.name, [])
        if not isinstance(table.values.get("name"), str):
            complain(table, "name", "a name is needed, as a text.")
        elif table.name in named:
            complain(table, "name", f"this is the name of {named[table.name].at()} too; say which by its id.")
        elif len(same) > 1:
            ids = ", ".join(thing.id for thing in same)
            complain(table, "name", f"{len(same)} are called {said(table.name)}; say which by its id: {ids}.")
        else:
            named[table.name] = table
            found.append(Match(table, same[0] if same else None))
    return found


# Rules have no names: one that is not there any more is meant by what resembles it most.
_LIKENESS: tuple[tuple[str, ...], ...] = (
    ("metricKey", "operator", "threshold", "channelId", "consecutiveTriggers"),
    ("metricKey", "operator", "threshold", "channelId"),
    ("metricKey", "operator", "channelId"),
    ("metricKey", "operator"),
    ("metricKey",),
)


def match_rules(wanted: Sequence[dict[str, object]], things: Sequence[Thing]) -> list[Thing | None]:
    """The rule of a monitor that each of some values means, the most alike first; None: it is to be made."""
    found: list[Thing | None] = [None] * len(wanted)
    left = list(things)
    for fields in _LIKENESS:
        for place, values in enumerate(wanted):
            if found[place] is None:
                alike = (one for one in left if all(one.values[name] == values.get(name) for name in fields))
                found[place] = next(alike, None)
                left = [one for one in left if one is not found[place]]
    return found
