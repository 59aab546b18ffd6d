"""Writes what an organisation has as a person would: one table a thing, and only what is not so by itself. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tomli_w

from overdue.as_file.current import SECRET, Thing
from overdue.as_file.reading import CHANNELS, MONITORS, RULES, said
from overdue.as_file.references import References
from overdue.as_file.shapes import shape_of
from store.plans import Plan

_LONGEST = 100
# What is always said, as people look for it.
_SAID = {MONITORS: {"interval"}}
_NOT_KNOWN = object()


def write(
    org: str,
    channels: Sequence[Thing],
    monitors: Sequence[Thing],
    rules: Mapping[str, Sequence[Thing]],
    plan: Plan,
    with_secrets: bool,
) -> str:
    """The file; `rules` are those of each monitor."""
    writer = _Writer(References(channels), plan, with_secrets)
    parts = [f"# Channels, monitors and metric alerts of the organisation {said(org)}.\n"]
    for section, things in ((CHANNELS, channels), (MONITORS, monitors)):
        names = Counter(thing.name for thing in things)
        for thing in things:
            parts.append(writer.table(section, thing, names[thing.name] > 1))
            parts += [writer.table(f"{MONITORS}.{RULES}", rule) for rule in rules.get(thing.id, ())]
    return "\n".join(parts)


class _Writer:
    def __init__(self, references: References, plan: Plan, with_secrets: bool) -> None:
        self._references = references
        self._plan = plan
        self._with_secrets = with_secrets

    def table(self, header: str, thing: Thing, with_id: bool = False) -> str:
        """One thing; with its id if its name alone does not say which it is."""
        values = dict(self._values(thing))
        lines = [f"[[{header}]]", *([f'id = "{thing.id}"'] if with_id else [])]
        lines += [f"{name} = {_literal(value)}" for name, value in values.items() if not _is_table(value)]
        for name, value in values.items():
            if _is_table(value):
                lines += [f"[{header}.{name}]", tomli_w.dumps(value).rstrip("\n")]
        return "\n".join(lines) + "\n"

    def _values(self, thing: Thing) -> Iterator[tuple[str, Any]]:
        """What is to be said of it, in the words of the file."""
        shape = shape_of(thing.section, thing.values, self._plan)
        assert shape is not None
        values = thing.values if self._with_secrets else thing.shown
        defaults = shape.defaults | dict.fromkeys(shape.changing - shape.creating, False)
        told = {
            name: values[name]
            for name in shape.order
            if name in values
            and (values[name] != defaults.get(name, _NOT_KNOWN) or self._is_said(thing, name))
        }
        if self._with_secrets and SECRET in values:
            told[SECRET] = values[SECRET]
        for name, value in self._references.to_names(thing.section, told).items():
            yield name, False if value is None else value

    def _is_said(self, thing: Thing, name: str) -> bool:
        return name in _SAID.get(thing.section, ()) and thing.values[name] is not None


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _literal(value: Any) -> str:
    """A value on one line, if that does not become too long."""
    if isinstance(value, list):
        line = f"[{', '.join(_literal(one) for one in value)}]"
        if len(line) <= _LONGEST:
            return line
    return tomli_w.dumps({"v": value}).removeprefix("v = ").rstrip("\n")
