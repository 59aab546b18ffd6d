"""People who are told of a monitor want to look at it: messages should carry a link."""

from __future__ import annotations

from overdue.health.desk import Desk
from overdue.health.finding import Finding, Verdict
from store.book import owners
from store.settings import Settings


async def links(desk: Desk, settings: Settings) -> Finding:
    if settings.base_url:
        return Finding(Verdict.GOOD, "links", f"messages lead to {settings.base_url}")
    if await owners.some_channels_are_for_people(desk.book):
        why = "messages of mail and chat channels carry no link; set OVERDUE_BASE_URL"
        return Finding(Verdict.WARNING, "links", why)
    return Finding(Verdict.GOOD, "links", "no channel is one that people read")
