"""Redis has room for what comes: it is said before it is full, and what is refused then."""

from __future__ import annotations

from overdue.health.finding import Finding, Verdict
from store.errors import SettingError
from store.live.server import Server, read_server

NEARLY_FULL = 0.9
REFUSED = "new monitors are refused; pings and alerts go on"
CURE = "raise `OVERDUE_REDIS_MAXMEMORY` (or the `maxmemory` of your own server)"


async def memory_finding(url: str) -> Finding | None:
    """How full the memory of the server is; None if it does not say, which is another finding."""
    try:
        return judge(await read_server(url))
    except SettingError:
        return None


def judge(server: Server) -> Finding:
    """What is to be said of a server's memory."""
    used, limit = server.used_memory_bytes, server.memory_limit_bytes
    if not limit:
        return Finding(Verdict.GOOD, "memory", f"{used / 1e6:,.0f} MB, and no limit is set")
    filled = f"{used / 1e6:,.1f} of {limit / 1e6:,.1f} MB"
    if used >= limit:
        return Finding(Verdict.BAD, "memory", f"Redis' memory is full ({filled}): {REFUSED}; {CURE}")
    if used > NEARLY_FULL * limit:
        sentence = f"Redis' memory is nearly full ({filled}); when it is, {REFUSED}; {CURE}"
        return Finding(Verdict.WARNING, "memory", sentence)
    return Finding(Verdict.GOOD, "memory", filled)
