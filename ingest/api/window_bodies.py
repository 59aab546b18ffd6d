"""What callers say of maintenance windows, and the window that is meant: once, weekly, or by a cron rule."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType, field

from ingest.api.moments import parse_moment
from ingest.api.wire import given
from store.book.maintenance import Window
from store.book.names import check_name, check_tags
from store.cron import UTC_ZONE
from store.errors import Invalid
from store.maintenance import ByCron, Once, Recurrence, Weekly

_ONCE, _WEEKLY, _CRON = ("from", "to"), ("weekdays", "start"), ("cron",)
_KINDS = ((Once, _ONCE), (Weekly, _WEEKLY), (ByCron, _CRON))
_KIND_NEEDED = "A window is `from` and `to`, or `weekdays` and `start`, or a `cron` rule."


class PatchWindow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of PATCH /api/maintenance/{id}; what is left out stays, unless the window becomes of another kind.

    With neither `tags` nor `monitors` it is for the whole organisation.
    """

    name: str | UnsetType = UNSET
    from_: str | UnsetType | None = field(name="from", default=UNSET)
    to: str | UnsetType | None = UNSET
    weekdays: tuple[str, ...] | UnsetType | None = UNSET
    start: str | UnsetType | None = UNSET
    cron: str | UnsetType | None = UNSET
    duration: int | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    tags: tuple[str, ...] | UnsetType | None = UNSET
    monitors: tuple[UUID, ...] | UnsetType | None = UNSET


class CreateWindow(PatchWindow, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of POST /api/maintenance."""

    name: str


def window_of(asked: PatchWindow, former: Window | None, now_ms: int) -> Window:
    """The window that is asked for; `former` is what it was.

    Raises:
        Invalid: it cannot be; names the field.
    """
    told = _times_told(asked)
    times = _times_of(told, former.times if former is not None else None)
    if isinstance(times, Once) and (former is None or times != former.times) and times.to_s * 1000 <= now_ms:
        raise Invalid("This window would be over already.", "to")
    tags, monitors = given(asked.tags), given(asked.monitors)
    if former is not None:
        tags = former.tags if asked.tags is UNSET else tags
        monitors = former.monitors if asked.monitors is UNSET else monitors
    name = given(asked.name)
    is_for_all = not (tags or monitors)
    if former is not None and asked.tags is UNSET and asked.monitors is UNSET:
        is_for_all = former.is_for_all
    return Window(
        name=check_name(former.name if name is None and former is not None else name or ""),
        times=times,
        is_for_all=is_for_all,
        tags=_checked_tags(tags or ()),
        monitors=tuple(monitors or ()),
    )


def _times_told(asked: PatchWindow) -> dict[str, Any]:
    """What is said of the times, by the names of the body; null is nothing."""
    told = {
        "from": given(asked.from_),
        "to": given(asked.to),
        "weekdays": given(asked.weekdays),
        "start": given(asked.start),
        "cron": given(asked.cron),
        "duration": given(asked.duration),
        "timezone": given(asked.timezone),
    }
    return {name: value for name, value in told.items() if value is not None}


def _times_of(told: dict[str, Any], former: Recurrence | None) -> Recurrence:
    kinds = [kind for kind, names in _KINDS if any(name in told for name in names)]
    if len(kinds) > 1:
        named = next(name for names in (_CRON, _WEEKLY) for name in names if name in told)
        raise Invalid(f"{_KIND_NEEDED} This mixes them.", named)
    if not kinds and former is None:
        raise Invalid(_KIND_NEEDED, "from")
    if former is not None and (not kinds or isinstance(former, kinds[0])):
        return _made(type(former), {**_told_of(former), **told})
    return _made(kinds[0], told)


def _made(kind: type[Recurrence], told: dict[str, Any]) -> Recurrence:
    if kind is Once:
        for name in ("duration", "timezone"):
            if name in told:
                raise Invalid("A window with `from` and `to` needs nothing else.", name)
        from_s, to_s = (_second(_needed(told, name), name) for name in _ONCE)
        return Once(from_s, to_s)
    duration_s, zone = _needed(told, "duration"), told.get("timezone", UTC_ZONE)
    if kind is Weekly:
        return Weekly(_needed(told, "weekdays"), _needed(told, "start"), duration_s, zone)
    return ByCron(_needed(told, "cron"), duration_s, zone)


def _told_of(former: Recurrence) -> dict[str, Any]:
    """A window's times as a body would name them."""
    match former:
        case Once():
            return {"from": str(former.from_s), "to": str(former.to_s)}
        case Weekly():
            known: dict[str, Any] = {"weekdays": former.weekdays, "start": former.start}
        case ByCron():
            known = {"cron": former.cron}
    return {**known, "duration": former.duration_s, "timezone": former.timezone}


def _needed(told: dict[str, Any], name: str) -> Any:
    if name not in told:
        raise Invalid(f"The field {name!r} is missing.", name)
    return told[name]


def _second(text: str, name: str) -> int:
    return parse_moment(text, name) // 1000


def _checked_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Many more than a monitor has, each as one of its own would be."""
    for tag in tags:
        check_tags([tag])
    return tags
