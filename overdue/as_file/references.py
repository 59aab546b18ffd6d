"""Channels by name: in the file monitors and rules name them as people do, in the API by their ids. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from overdue.as_file.current import Thing
from overdue.as_file.reading import MONITORS, RULES, said
from store.errors import Invalid

# The field as the file has it, and as the API has it.
_FIELDS = {MONITORS: ("channels", "channels"), RULES: ("channel", "channelId")}


class References:
    """The channels that there are, for both directions."""

    def __init__(self, channels: Sequence[Thing]) -> None:
        self._names = Counter(one.name for one in channels)
        self._by_name = {one.name: one.id for one in channels}
        self._by_id = {one.id: one.name for one in channels}

    @property
    def any_id(self) -> str:
        """The id of some channel; empty if there is none."""
        return next(iter(self._by_id), "")

    def to_ids(self, section: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the file has as the API has it.

        Raises:
            Invalid: there is no such channel, or several; names the field.
        """
        if section not in _FIELDS:
            return dict(values)
        here, there = _FIELDS[section]
        if there != here and there in values:
            raise Invalid(f"There is no field {there!r} here; say {here} = and the channel's name.", there)
        return {
            there if name == here else name: self._ids(value, here) if name == here else value
            for name, value in values.items()
        }

    def to_names(self, section: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the API has as the file has it."""
        if section not in _FIELDS:
            return dict(values)
        here, there = _FIELDS[section]
        return {
            here if name == there else name: self._named(value) if name == there else value
            for name, value in values.items()
        }

    def _ids(self, given: Any, field: str) -> Any:
        """What is neither a text nor a list of texts is for the API to refuse."""
        if isinstance(given, list):
            return self._all_ids(given, field)
        if not isinstance(given, str):
            return given
        if self._names[given] == 1:
            return self._by_name[given]
        if given.lower() in self._by_id:
            return given.lower()
        if self._names[given]:
            many = f"{self._names[given]} channels are called {said(given)}; say which by its id."
            raise Invalid(many, field)
        raise Invalid(f"There is no channel {said(given)}.", field)

    def _all_ids(self, given: list[Any], field: str) -> list[Any]:
        found, complaints = [], []
        for one in given:
            try:
                found.append(self._ids(one, field))
            except Invalid as error:
                complaints.append(str(error))
        if complaints:
            raise Invalid(" ".join(complaints), field)
        return found

    def _named(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._named(one) for one in value]
        name = self._by_id.get(value)
        return name if name is not None and self._names[name] == 1 else value


def in_file(section: str, names: Iterable[str]) -> set[str]:
    """The fields of the API as the file calls them."""
    here, there = _FIELDS.get(section, ("", ""))
    return {here if name == there else name for name in names}
