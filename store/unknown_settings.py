"""Environment variables that look like settings of Overdue and are none: most are settings that somebody mistyped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from store.settings import TABLE

# Read elsewhere: the address that `overdue run` pings, and what parts and tests are told.
_OTHERS = frozenset({"OVERDUE_PING_URL", "OVERDUE_LIFELINE", "OVERDUE_FAULT_POINT"})
_PREFIX, _OF_TESTS = "OVERDUE_", "OVERDUE_TEST_"


def unknown_variables(environ: Mapping[str, str]) -> Iterable[str]:
    """A sentence for each, in the order of their names. What they hold is not shown: it may be a secret."""
    known = [one.variable for one in TABLE]
    for name in sorted(environ):
        if name.startswith(_PREFIX) and not name.startswith(_OF_TESTS) and name not in {*known, *_OTHERS}:
            meant = get_close_matches(name, known, 1)
            yield f"{name} is no setting and changes nothing" + (
                f"; did you mean {meant[0]}?" if meant else ""
            )
