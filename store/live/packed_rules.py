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
