"""What a ping's address says besides its key: a signal at the end of the path, run and duration in the query. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

import msgspec

from ingest.doors.body import Refusal
from ingest.doors.reply import make_error
from store.beat import Signal, Signalled
from store.live.heads import HAS_RUN, LIFE_ONLY, SIGNAL_SHIFT

MOST_EXIT_CODE = 255
LONGEST_MS = 366 * 86_400_000
# What may stand behind a key and a slash; the express lane looks for it in a request line.
SUFFIX = rb"start|fail|log|25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9]"
NO_SUCH_SIGNAL = make_error(
    404, "A ping ends with its key, or behind it with /start, /fail, /log, or an exit code from 0 to 255."
)
BAD_RUN = "must be a UUID, such as 123e4567-e89b-42d3-a456-426614174000."
BAD_DURATION = "must be a whole number of milliseconds, 366 days at most."

_WORDS = {b"start": Signal.START, b"fail": Signal.FAIL, b"log": Signal.LOG}
_is_uuid = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE).fullmatch
_is_number = re.compile(rb"[0-9]{1,15}").fullmatch
_parameters = re.compile(rb"(?:^|&)(rid|duration_ms)=([^&]*)").findall
_SIGNAL_BITS = 3


class Saying(msgspec.Struct, frozen=True):
    """What an address says. `flags`: as they travel to Redis. `refusal`: of a parameter that cannot be read."""

    flags: int = 0
    signalled: Signalled | None = None
    refusal: Refusal | None = None


def signal_of(flags: int) -> int:
    """The signal among the flags of a ping."""
    return flags >> SIGNAL_SHIFT & _SIGNAL_BITS


def flags_of(signalled: Signalled) -> int:
    """The flags of a ping that says this."""
    return signalled.signal << SIGNAL_SHIFT | (HAS_RUN if signalled.run else 0)


def of_exit_code(code: int) -> Signalled:
    """What a job says that ended with this exit code."""
    return Signalled(Signal.FAIL if code else Signal.SUCCESS, exit_code=code)


def read_run(text: bytes) -> bytes | None:
    """The 16 bytes of a run's UUID; None if it is none."""
    return UUID(text.decode()).bytes if _is_uuid(text) else None


PLAIN = Saying()


def _ready() -> Mapping[bytes, Saying]:
    """All that a suffix alone can say, made once."""
    signals = {word: Signalled(signal) for word, signal in _WORDS.items()}
    signals |= {str(code).encode(): of_exit_code(code) for code in range(MOST_EXIT_CODE + 1)}
    return {suffix: Saying(flags_of(one), one) for suffix, one in signals.items()}


SAYINGS = _ready()


def read_saying(suffix: bytes | None, query: bytes | None) -> Saying:
    """What stands behind the key (one of SAYINGS, or nothing) and in the query, where other parameters say nothing."""
    saying = SAYINGS[suffix] if suffix else PLAIN
    parameters = _parameters(query) if query else ()
    if not parameters:
        return saying
    told: dict[bytes, bytes] = {}
    run, duration_ms, refusal = b"", None, None
    for name, value in parameters:
        if name in told:
            refusal = _refuse(name, "comes twice.")
        told[name] = value
    if b"rid" in told:
        run = read_run(told[b"rid"]) or b""
        refusal = refusal or (None if run else _refuse(b"rid", BAD_RUN))
    if b"duration_ms" in told:
        duration_ms = _read_duration(told[b"duration_ms"])
        refusal = refusal or (_refuse(b"duration_ms", BAD_DURATION) if duration_ms is None else None)
    signalled = msgspec.structs.replace(saying.signalled or Signalled(), run=run, duration_ms=duration_ms)
    return Saying(flags_of(signalled) | (LIFE_ONLY if refusal else 0), signalled, refusal)


def suffix_of(signalled: Signalled | None) -> str:
    """What stood behind the key, with its slash."""
    if signalled is None:
        return ""
    if signalled.exit_code is not None:
        return f"/{signalled.exit_code}"
    return f"/{signalled.signal.name.lower()}" if signalled.signal else ""


def _read_duration(text: bytes) -> int | None:
    duration_ms = int(text) if _is_number(text) else LONGEST_MS + 1
    return duration_ms if duration_ms <= LONGEST_MS else None


def _refuse(name: bytes, sentence: str) -> Refusal:
    return Refusal(400, f"`{name.decode()}` {sentence}")
