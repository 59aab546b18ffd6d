"""Which monitors a maintenance window names: chosen from a list of names, or typed where there are too many for one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from ingest.api.call import Call
from store.book import fleet
from store.errors import Invalid

# A longer list is no help any more; then names, or ids, are typed.
MOST_OFFERED = 300
MOST_FOUND = 5000
_SEPARATOR = re.compile(r"[\s,]+")


async def offered(call: Call) -> list[tuple[str, str]] | None:
    """Ids and names of all monitors, by name; None: there are too many to choose from."""
    found = await fleet.oldest(call.book, call.org_id, MOST_OFFERED + 1)
    return None if len(found) > MOST_OFFERED else sorted(found, key=lambda one: one[1].casefold())


async def ids_of(call: Call, lines: Sequence[str]) -> list[str]:
    """The ids that these lines mean: each holds the name of a monitor, or ids.

    Raises:
        Invalid: nobody is called so, or several are; names the field.
    """
    names = {line for line in lines if not _ids_in(line)}
    known: dict[str, list[str]] = defaultdict(list)
    for public_id, name in await fleet.called(call.book, call.org_id, names, MOST_FOUND) if names else ():
        known[name].append(public_id)
    return [one for line in lines for one in _ids_in(line) or [_only(line, known[line])]]


def _ids_in(line: str) -> list[str]:
    """The ids of which a line consists; none if it is anything else."""
    words = [word for word in _SEPARATOR.split(line) if word]
    try:
        return [str(UUID(word)) for word in words]
    except ValueError:
        return []


def _only(name: str, found: Sequence[str]) -> str:
    if not found:
        raise Invalid(f"No monitor is called {name!r}.", "monitors")
    if len(found) > 1:
        some = ", ".join(found[:3])
        raise Invalid(f"{len(found)} monitors are called {name!r}; name one by its id: {some}.", "monitors")
    return found[0]
