"""What an import changes, line by line: `+` what is made, `~` what becomes different, `-` what is deleted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from overdue.as_file.reading import said

MADE, CHANGED, GONE = "+", "~", "-"
_WORDS = {MADE: "made", CHANGED: "changed", GONE: "deleted"}


class Change(msgspec.Struct, frozen=True):
    """One thing that is made, changed or deleted, with its fields before and after; what is a secret is masked."""

    sign: str
    what: str
    fields: Mapping[str, tuple[Any, Any]] = {}

    def lines(self) -> Iterator[str]:
        yield f"{self.sign} {self.what}"
        for name, (before, after) in self.fields.items():
            if self.sign == MADE:
                yield f"    {name} = {said(after)}"
            elif before == after:
                yield f"    {name}: {said(after)} (another one)"
            else:
                yield f"    {name}: {said(before)} -> {said(after)}"


def summary(changes: Sequence[Change], is_done: bool) -> str:
    """All changes in one sentence."""
    counts = Counter(change.sign for change in changes)
    if not counts:
        return "Nothing was to be changed." if is_done else "Nothing would be changed."
    parts = [
        f"{counts[sign]} {'' if is_done else 'would be '}{word}"
        for sign, word in _WORDS.items()
        if counts[sign]
    ]
    return f"{', '.join(parts)}."
