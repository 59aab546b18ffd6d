"""Reads a file of configuration: TOML, as tables of channels, monitors and rules that know their lines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from store.errors import Invalid

CHANNELS, MONITORS, RULES = "channels", "monitors", "metricAlerts"
NOUNS = {CHANNELS: "channel", MONITORS: "monitor", RULES: "metric alert"}

_BYTE_ORDER_MARK = "\ufeff"
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*([A-Za-z.\"' \t]+?)[ \t]*\]\]")


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One thing as the file asks for it. `lines` are its fields with their lines, as far as they could be found."""

    section: str
    values: Mapping[str, Any]
    line: int
    lines: Mapping[str, int]
    rules: tuple[Table, ...] = ()

    @property
    def noun(self) -> str:
        return NOUNS[self.section]

    @property
    def name(self) -> str:
        return str(self.values.get("name", ""))

    def line_of(self, field: str | None = None) -> int:
        """The line of a field, or else of the table; 0 if neither was found."""
        return self.lines.get(field or "", self.line) or 0

    def at(self, field: str | None = None) -> str:
        """Where it is, for people: `line 12, monitor "nightly"`."""
        line = self.line_of(field)
        known = self.values.get("metricKey" if self.section == RULES else "name")
        what = f"{self.noun} {said(known)}" if known is not None else self.noun
        return f"line {line}, {what}" if line else what


class Fleet(msgspec.Struct, frozen=True):
    """What a file asks for; a kind of which it says nothing at all is None.

    `complaints` are sections that it cannot have, with their lines; the rest is read all the same.
    """

    channels: tuple[Table, ...] | None
    monitors: tuple[Table, ...] | None
    complaints: tuple[tuple[int, str], ...] = ()


def said(value: Any) -> str:
    """A value as people read it, on one line."""
    return msgspec.json.encode(value).decode()


def read(content: bytes) -> Fleet:
    """What the file asks for; whether that can be had is not looked at here.

    Raises:
        Invalid: it is no TOML, so that nothing of it can be read.
    """
    try:
        text = content.decode().removeprefix(_BYTE_ORDER_MARK)
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise Invalid(f"This is not UTF-8: {error.reason} at byte {error.start}.") from error
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"This is not TOML: {error}.") from error
    reading = _Reading(text)
    for section in document.keys() - {CHANNELS, MONITORS}:
        sentence = f"There is no section {section!r} here; there are {CHANNELS} and {MONITORS}."
        reading.complain(_line_of(text, section), sentence)
    channels, monitors = (reading.tables(document, section) for section in (CHANNELS, MONITORS))
    return Fleet(channels, monitors, tuple(reading.complaints))


class _Place(msgspec.Struct, frozen=True):
    """Where a table begins, and where its fields are."""

    section: str
    line: int
    lines: dict[str, int]


def _places(text: str) -> list[_Place]:
    """The headers of the file in order; TOML's own reader tells of no lines.

    A header within a text of several lines is taken for one too; that is noticed when they are counted.
    """
    found: list[_Place] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _HEADER.match(line):
            found.append(_Place(re.sub(r"[\"' \t]", "", match[1]), number, {}))
        elif found and (field := re.match(r"[ \t]*(?:\[\w+\.)*[\"']?(\w+)[\"']?\s*[.=\]]", line)):
            found[-1].lines.setdefault(field[1], number)
    return found


class _Reading:
    """The tables of one file, with their places in it."""

    def __init__(self, text: str) -> None:
        self.complaints: list[tuple[int, str]] = []
        self._text = text
        self._places = _places(text)

    def complain(self, line: int, sentence: str) -> None:
        self.complaints.append((line, f"line {line}: {sentence}" if line else sentence))

    def tables(self, document: Mapping[str, Any], section: str) -> tuple[Table, ...] | None:
        """All tables of a section; None if there is no such section."""
        if section not in document:
            return None
        written = self._list_of(document, section, f"[[{section}]]", _line_of(self._text, section))
        own = [place for place in self._places if place.section == section]
        made = []
        for number, values in enumerate(written):
            place = own[number] if len(own) == len(written) else None
            upto = own[number + 1].line if place and number + 1 < len(own) else None
            made.append(self._table(section, values, place, self._inner(place, upto)))
        return tuple(made)

    def _inner(self, place: _Place | None, upto: int | None) -> list[_Place]:
        """The headers of rules between a monitor and the next one."""
        if place is None:
            return []
        return [
            one
            for one in self._places
            if one.section == f"{MONITORS}.{RULES}" and place.line < one.line < (upto or one.line + 1)
        ]

    def _table(
        self, section: str, values: dict[str, Any], place: _Place | None, inner: Sequence[_Place]
    ) -> Table:
        own = {name: value for name, value in values.items() if not (section == MONITORS and name == RULES)}
        line, lines = (place.line, place.lines) if place else (0, {})
        rules: list[dict[str, Any]] = []
        if section == MONITORS:
            rules = self._list_of(values, RULES, f"[[{MONITORS}.{RULES}]]", lines.get(RULES, line))
        return Table(
            section=section,
            values=msgspec.to_builtins(own, str_keys=True),  # moments become texts, as in JSON
            line=line,
            lines=lines,
            rules=tuple(
                self._table(RULES, one, inner[number] if len(inner) == len(rules) else None, ())
                for number, one in enumerate(rules)
            ),
        )

    def _list_of(
        self, document: Mapping[str, Any], section: str, header: str, line: int
    ) -> list[dict[str, Any]]:
        tables = document.get(section, [])
        if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
            self.complain(line, f"Write {section} as tables of their own: {header}.")
            return []
        return tables


def _line_of(text: str, section: str) -> int:
    """The first line that names a section; 0 if none is found."""
    named = re.compile(rf"[ \t]*\[*[ \t]*[\"']?{re.escape(section)}[\"']?[ \t]*[.=\]]")
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if named.match(line)), 0)
