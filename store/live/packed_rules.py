"""The packed rules of a monitor; `scripts/shared/rules.lua` reads them.

Format, failures, scheduled (a byte each), max_runtime_s, reminder_s (I4), how many ticks, how many quiet times, the
length of the schedule's words (I2); then the ticks in Unix s (I4), the quiet times (from, to; I4 each), the words.
"""

from __future__ import annotations

import struct

from store.monitor_rules import MonitorRules

MOST_TICKS = 256
MOST_QUIET = 64
_FORMAT = 1
_HEAD = struct.Struct("<BBBIIHHH")


def pack_rules(rules: MonitorRules | None) -> bytes:
    """As the scripts read them; nothing where all of it is as usual."""
    if rules is None or rules == MonitorRules(is_armed_by_ping=rules.is_armed_by_ping):
        return b""
    ticks, quiet, words = rules.ticks[:MOST_TICKS], rules.quiet[:MOST_QUIET], rules.schedule.encode()
    head = _HEAD.pack(
        _FORMAT,
        rules.failures,
        rules.is_scheduled,
        rules.max_runtime_s,
        rules.reminder_s,
        len(ticks),
        len(quiet),
        len(words),
    )
    moments = [*ticks, *(moment for pair in quiet for moment in pair)]
    return head + struct.pack(f"<{len(moments)}I", *moments) + words


def read_rules(blob: bytes) -> MonitorRules | None:
    """The rules in it; of what is as usual nothing is packed. None: it cannot be read."""
    if not blob:
        return MonitorRules()
    if len(blob) < _HEAD.size:
        return None
    format_, failures, scheduled, runtime_s, reminder_s, ticks, quiet, words = _HEAD.unpack_from(blob)
    if format_ != _FORMAT or len(blob) != _HEAD.size + 4 * ticks + 8 * quiet + words:
        return None
    moments = struct.unpack_from(f"<{ticks + 2 * quiet}I", blob, _HEAD.size)
    pairs = moments[ticks:]
    return MonitorRules(
        failures=failures,
        max_runtime_s=runtime_s,
        reminder_s=reminder_s,
        is_scheduled=bool(scheduled),
        schedule=blob[len(blob) - words :].decode("utf-8", "replace"),
        ticks=moments[:ticks],
        quiet=tuple(zip(pairs[::2], pairs[1::2], strict=True)),
    )
