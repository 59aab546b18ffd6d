"""The question about a monitor's pings of one day: which are asked for, and how the day was laid out."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from store.beat import Signal
from store.book.database import Transaction
from store.book.history_writer import INDEX_LANES
from store.book.signals import BESIDE, BESIDE_IN_LANE, BESIDE_JOINED, COLUMNS, JOIN, NO_COLUMNS

MAX_ID = 2**63 - 1

# A monitor's pings of one day (?1) that came before another (?2) in a stretch of time (from ?3 until before ?4) with
# this outcome (?5, or any), newest first.
PINGS = """
SELECT id, at_ms, outcome, method, host, query, content_type, {user_agent} AS user_agent, sender,
       coalesce(length(body), 0) > 0 AS has_body{signal}
FROM {table}{join}
WHERE {is_of_monitor} AND id < ?2 AND at_ms >= ?3 AND at_ms < ?4 AND (?5 IS NULL OR outcome = ?5)
ORDER BY id DESC LIMIT ?6
"""

# Without the plus SQLite would put ?1 into the first half too, and not see the index.
IN_LANE = f"monitor_id % {INDEX_LANES} = ?1 % {INDEX_LANES} AND +monitor_id = ?1"
USER_AGENT = "(SELECT text FROM user_agents WHERE id = user_agent_id)"

# The same for days that an earlier version began: their index has no lanes, and they hold user agents as texts, or as
# either once a later version has written to them.
ALONE = "monitor_id = ?1"
OLD_USER_AGENT = {1: "user_agent", 2: f"coalesce(user_agent, {USER_AGENT})"}
OLD_COLUMNS = """
SELECT count(*) AS count FROM pragma_table_info(?1) WHERE name IN ('user_agent', 'user_agent_id')
  AND EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = 'user_agent')
"""


class PingFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which pings are asked for: those in a stretch of time, with an outcome and one of some signals, or any."""

    from_ms: int = 0
    until_ms: int = MAX_ID
    outcome: str | None = None
    signals: frozenset[Signal] = frozenset()


async def question_about(
    snapshot: Transaction, table: str, beside: str | None, signals: Collection[Signal]
) -> str | None:
    """The question about a day whose pings lie in this table, and what they signalled in the one beside it.

    None: nobody signalled any of these that day.
    """
    old = await snapshot.row(OLD_COLUMNS, (table,))
    columns = old["count"] if old is not None else 0
    of_monitor = ALONE if columns else IN_LANE
    parts = {"table": table, "join": "", "signal": NO_COLUMNS, "is_of_monitor": of_monitor}
    if beside is not None:
        parts |= {"join": JOIN.format(table=beside), "signal": COLUMNS}
    asked = ", ".join(str(int(one)) for one in sorted(signals))
    if signals and Signal.SUCCESS not in signals:
        if beside is None:
            return None
        is_asked = f"{BESIDE_IN_LANE} AND +monitor_id = ?1 AND signal IN ({asked})"
        parts |= {
            "table": BESIDE.format(table=beside, pings=table),
            "join": BESIDE_JOINED,
            "is_of_monitor": is_asked,
        }
    elif signals and beside is not None:
        parts["is_of_monitor"] += f" AND coalesce(signal, {int(Signal.SUCCESS)}) IN ({asked})"
    return PINGS.format(**parts, user_agent=OLD_USER_AGENT.get(columns, USER_AGENT))
