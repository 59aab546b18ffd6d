"""The last day of a monitor as a small picture: an hour a bar, and which of them had downtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from markupsafe import Markup

from ingest.api.call import Call
from store.book.fleet import Glance
from store.book.history_reader import HISTORY_DB
from store.book.recent_silences import recent_silences
from store.errors import Unavailable
from store.uptime import HOUR_MS, Silence

HOURS = 24
# A page is not kept waiting for its ornaments.
PATIENCE_MS = 300

_BAR, _STEP, _HEIGHT = 4, 5, 16
_UNBORN, _UP, _DOWN = "none", "up", "down"
_PICTURE = Markup(
    '<svg class="strip" viewBox="{}" width="{}" height="{}" preserveAspectRatio="none" role="img">'
    "<title>{}</title>{}</svg>"
)
_NOTHING_KNOWN = Markup('<span class="soft">&ndash;</span>')


async def strips_of(call: Call, monitors: Sequence[Glance], now_ms: int) -> Mapping[int, Markup]:
    """The pictures of some monitors by id, or a dash for each while history cannot be read."""
    first_ms = _first_hour_ms(now_ms)
    ids = [one.id for one in monitors]
    path = call.settings.data / HISTORY_DB
    try:
        found = await recent_silences(path, ids, first_ms, HOUR_MS, PATIENCE_MS)
    except Unavailable:
        return dict.fromkeys(ids, _NOTHING_KNOWN)
    return {one.id: strip(hours_of(found[one.id], one.created_ms, now_ms)) for one in monitors}


def hours_of(silences: Sequence[Silence], born_ms: int, now_ms: int) -> tuple[str, ...]:
    """What each of the last hours was, the running one last."""
    first_ms = _first_hour_ms(now_ms)
    unborn = min(HOURS - 1, max(0, (born_ms - first_ms) // HOUR_MS))
    hours = [_UNBORN] * unborn + [_UP] * (HOURS - unborn)
    for started_ms, ended_ms in silences:
        begins = max(0, (started_ms - first_ms) // HOUR_MS)
        ends = ((now_ms if ended_ms is None else ended_ms) - first_ms) // HOUR_MS
        for hour in range(begins, min(ends, HOURS - 1) + 1):
            hours[hour] = _DOWN
    return tuple(hours)


@lru_cache(maxsize=1000)
def strip(hours: tuple[str, ...]) -> Markup:
    """The picture, with a sentence for those who do not see it. All bars of a kind are one path.

    Most monitors have the same: none had any downtime.
    """
    bars = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(kind, "".join(_bar(at) for at in at_hours))
        for kind in (_UNBORN, _UP, _DOWN)
        if (at_hours := [at for at, hour in enumerate(hours) if hour == kind])
    )
    width = len(hours) * _STEP - 1
    box = f"0 0 {width} {_HEIGHT}"
    return _PICTURE.format(box, width, _HEIGHT, _sentence(hours), bars)


def _first_hour_ms(now_ms: int) -> int:
    return (now_ms // HOUR_MS - HOURS + 1) * HOUR_MS


def _bar(at: int) -> str:
    return f"M{at * _STEP} 0h{_BAR}v{_HEIGHT}h-{_BAR}z"


def _sentence(hours: Sequence[str]) -> str:
    known, down = sum(hour != _UNBORN for hour in hours), sum(hour == _DOWN for hour in hours)
    last = f"the last {known} hours" if known > 1 else "the last hour"
    return f"Down in {down} of {last}" if down else f"No downtime in {last}"
