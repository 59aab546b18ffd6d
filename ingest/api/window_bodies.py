"""What callers say of maintenance windows, and the window that is meant: once, weekly, or by a cron rule."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from ingest.api.moments import parse_moment
from ingest.api.wire import given
from store.book.maintenance import Window
from store.book.names import check_name, check_tags
from store.cron import LAST_S, UTC_ZONE
from store.errors import Invalid
from store.maintenance import ByCron, Once, Recurrence, Weekly

# Unix seconds as a number; as a text they may be written too.
Seconds = Annotated[int, Meta(ge=0, le=LAST_S)]

_ONCE, _WEEKLY, _CRON = ("from", "to"), ("weekdays", "start"), ("cron",)
_KINDS = ((Once, _ONCE), (Weekly, _WEEKLY), (ByCron, _CRON))
_AGAIN = ("duration", "timezone")
_KIND_NEEDED = "A window is `from` and `to`, or `weekdays` and `start`, or a `cron` rule."
_NEEDS: dict[type[Recurrence], tuple[str, tuple[str, ...]]] = {
    Once: ("A window that comes once", _ONCE),
    Weekly: ("A weekly window", (*_WEEKLY, "duration")),
    ByCron: ("A window by a cron rule", (*_CRON, "duration")),
}


class PatchWindow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of PATCH /api/maintenance/{id}; what is left out stays, unless the window becomes of another kind.

    Null says that there is to be none of it; no time zone is UTC. With neither `tags` nor `monitors` it is for the
    whole organisation.
    """

    name: str | UnsetType = UNSET
    from_: Seconds | str | UnsetType | None = field(name="from", default=UNSET)
    to: Seconds | str | UnsetType | None = UNSET
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
    times = _times_of(_times_told(asked), former.times if former is not None else None)
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
    """What is said of the times, by the names of the body; None: that there is to be none."""
    told = {
        "from": asked.from_,
        "to": asked.to,
        "weekdays": asked.weekdays,
        "start": asked.start,
        "cron": asked.cron,
        "duration": asked.duration,
        "timezone": asked.timezone,
    }
    return {name: value for name, value in told.items() if value is not UNSET}


def _times_of(told: dict[str, Any], former: Recurrence | None) -> Recurrence:
    kinds = [kind for kind, names in _KINDS if any(told.get(name) is not None for name in names)]
    if len(kinds) > 1:
        named = next(name for names in (_CRON, _WEEKLY) for name in names if told.get(name) is not None)
        raise Invalid(f"{_KIND_NEEDED} This mixes them.", named)
    if former is None:
        if not kinds:
            raise Invalid(_KIND_NEEDED, "from")
        return _made(kinds[0], told)
    kind = kinds[0] if kinds else type(former)
    stays = set(_NEEDS[kind][1]) | (set(_AGAIN) if kind is not Once else set())
    known = {name: value for name, value in _told_of(former).items() if name in stays}
    return _made(kind, {**known, **told})


def _made(kind: type[Recurrence], told: dict[str, Any]) -> Recurrence:
    """The times of a kind, of all that is said and known of them."""
    words, needed = _NEEDS[kind]
    for name in needed:
        if told.get(name) is None:
            raise Invalid(f"{words} needs `{name}`.", name)
    if kind is Once:
        for name in _AGAIN:
            if told.get(name) is not None:
                raise Invalid(f"{words} has no `{name}`, but `from` and `to`.", name)
        from_s, to_s = (parse_moment(str(told[name]), name) // 1000 for name in _ONCE)
        return Once(from_s, to_s)
    duration_s, zone = told["duration"], told.get("timezone")
    zone = UTC_ZONE if zone is None else zone
    if kind is Weekly:
        return Weekly(told["weekdays"], told["start"], duration_s, zone)
    return ByCron(told["cron"], duration_s, zone)


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


def _checked_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Many more than a monitor has, each as one of its own would be."""
    for tag in tags:
        check_tags([tag])
    return tags
