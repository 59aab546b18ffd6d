"""Mail can be sent, where somebody is to be told by mail."""

from __future__ import annotations

from overdue.health.finding import Finding, Verdict
from store.book import channels
from store.book.database import CONFIG_DB, ConfigBook
from store.errors import OverdueError
from store.settings import Settings
from sweeper.channels.mail_greeting import greet

WHAT = "mail"


async def mail_finding(settings: Settings, has_book: bool) -> Finding | None:
    """None: there is no mail server, and no channel that needs one (or the book cannot be asked)."""
    server = settings.smtp_url
    if server is not None:
        place = f"{server.host}:{server.port}"
        if wrong := await greet(server):
            return Finding(Verdict.BAD, WHAT, f"the mail server {place} {wrong}")
        return Finding(
            Verdict.GOOD, WHAT, f"{place} answers; whether it takes mail, a trial of a channel shows"
        )
    needing = await _needing(settings) if has_book else 0
    if not needing:
        return None
    them = "1 channel tells" if needing == 1 else f"{needing:,} channels tell"
    return Finding(Verdict.BAD, WHAT, f"{them} by mail, and OVERDUE_SMTP_URL is not set")


async def _needing(settings: Settings) -> int:
    try:
        async with await ConfigBook.open(settings.data / CONFIG_DB) as book:
            return await channels.count_type(book, "email")
    except OverdueError:
        return 0  # the comparison says why
