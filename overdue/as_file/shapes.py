"""What can be said of a channel, a monitor and a rule: the fields of the API's own bodies, and what they are if unsaid.

A field that is added to a body of the API is one of the file too. What JSON calls null the file calls `false`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import msgspec
from msgspec import NODEFAULT, UNSET, Struct

from ingest.api.channel_bodies import USUAL_BURST, BurstBody, CreateChannel, CreateWebhook, PatchChannel
from ingest.api.metric_alerts import CreateMetricAlert, PatchMetricAlert
from ingest.api.monitors import USUAL_INTERVAL_S, CreateMonitor, PatchMonitor
from overdue.as_file.reading import CHANNELS, MONITORS, RULES
from store.cron import UTC_ZONE
from store.plans import Plan
from store.wishes import Wishes


class Shape(msgspec.Struct, frozen=True):
    """A kind of thing: the bodies that create and change it, and the fields that are not as in those."""

    create: type[Struct]
    patch: type[Struct]
    usual: Mapping[str, Any]

    @property
    def creating(self) -> frozenset[str]:
        return _names(self.create)

    @property
    def changing(self) -> frozenset[str]:
        return _names(self.patch)

    @property
    def order(self) -> list[str]:
        """All fields, the name and the kind first."""
        bodies = (self.create, self.patch)
        names = [field.encode_name for body in bodies for field in msgspec.structs.fields(body)]
        return list(dict.fromkeys(("name", "type", *names)))

    @property
    def nullable(self) -> frozenset[str]:
        """What can be null."""
        return _nullable(self.create) | _nullable(self.patch)

    @property
    def nullable_at_first(self) -> frozenset[str]:
        """What can be null in the body that creates."""
        return _nullable(self.create)

    @property
    def defaults(self) -> dict[str, Any]:
        """What a field is of which nothing is said. One that is missing here stays as it is: whether it is paused."""
        found: dict[str, Any] = {}
        for field in msgspec.structs.fields(self.create):
            if field.encode_name in self.usual:
                found[field.encode_name] = self.usual[field.encode_name]
            elif field.default is UNSET:
                if field.encode_name in self.nullable:
                    found[field.encode_name] = None
            elif field.default is not NODEFAULT:
                found[field.encode_name] = plain(field.default)
            elif field.default_factory is not NODEFAULT:
                found[field.encode_name] = plain(field.default_factory())
        return found

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a table as JSON has them."""
        return {
            name: None if value is False and name in self.nullable else value
            for name, value in values.items()
        }


def shape_of(section: str, values: Mapping[str, Any], plan: Plan) -> Shape | None:
    """The shape of a thing with these values; None if there is no such kind of channel."""
    if section == MONITORS:
        return Shape(CreateMonitor, PatchMonitor, _usual_monitor(values, plan))
    if section == RULES:
        return Shape(CreateMetricAlert, PatchMetricAlert, {})
    assert section == CHANNELS
    for create in get_args(CreateChannel):
        if create.__struct_config__.tag == values.get("type"):
            burst = BurstBody(USUAL_BURST.size, USUAL_BURST.window_s)
            return Shape(create, PatchChannel, {"burst": None if create is CreateWebhook else plain(burst)})
    return None


def _usual_monitor(values: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """What the API makes of fields that are not there, where their bodies do not tell."""
    wishes = Wishes()
    usual = {"failuresBeforeAlert": wishes.failures, "armOnFirstPing": wishes.is_armed_by_ping}
    if values.get("schedule"):
        return {**usual, "interval": None, "timezone": UTC_ZONE}
    return {**usual, "interval": max(USUAL_INTERVAL_S, plan.least_interval_s)}


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _names(body: type[Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(body))


def _nullable(body: type[Struct]) -> frozenset[str]:
    """The fields that may be null, and for which `false` means nothing else."""
    info = msgspec.inspect.type_info(body)
    assert isinstance(info, msgspec.inspect.StructType)
    return frozenset(field.encode_name for field in info.fields if _may_be_null(field.type))


def _may_be_null(type_: msgspec.inspect.Type) -> bool:
    if not isinstance(type_, msgspec.inspect.UnionType):
        return False
    kinds = {type(one) for one in type_.types}
    return msgspec.inspect.NoneType in kinds and msgspec.inspect.BoolType not in kinds
