"""All that has to be true of a running installation, looked at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

from overdue.health.causes import Causes
from overdue.health.checking import Check, finding_of
from overdue.health.desk import open_desk
from overdue.health.finding import Finding, Verdict
from overdue.health.links import links
from overdue.health.log import DeliveryLog
from overdue.health.monitors import Monitors
from overdue.health.named import Named
from overdue.health.orphans import OrphanKeys, OrphanMonitors, StrangeNames
from overdue.health.statuses import Statuses
from overdue.health.strangers import Strangers
from overdue.health.told import Channels, Plans
from overdue.health.waiting import Deliveries, backlogs
from store.errors import OverdueError
from store.settings import Settings


async def compare(settings: Settings, url: str, fix: bool) -> AsyncIterator[Finding]:
    """Hold Redis against the book, and look at what waits."""
    try:
        async with open_desk(settings, url) as desk:
            # What counts comes last: a repair of a monitor may show that it was counted wrong.
            checks: tuple[Check, ...] = (
                Monitors(desk),
                Causes(desk),
                OrphanMonitors(desk),
                OrphanKeys(desk),
                Channels(desk),
                Plans(desk),
                Named(desk),
                Strangers(desk),
                Deliveries(desk),
                DeliveryLog(desk),
                StrangeNames(desk),
                Statuses(desk),
            )
            for check in checks:
                yield await finding_of(check, fix)
            yield await backlogs(desk)
            yield await links(desk, settings)
    except OverdueError as error:
        yield Finding(Verdict.BAD, "comparison", f"was broken off: {error}")
