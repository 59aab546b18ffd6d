"""The caller's organisation: its plan, and how much of it is used."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.operation import operation
from ingest.api.wire import Json
from store.book import orgs
from store.plans import Plan
from store.timestamps import rfc3339


class PlanReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The limits of a plan; null where there is none. `minInterval` is in seconds."""

    name: str
    min_interval: int
    pings_per_minute: int | None
    monitors: int | None
    history_days: int | None
    writes_per_minute: int | None


class UseReply(msgspec.Struct, frozen=True, rename="camel"):
    """What is used of the plan. `pings_this_minute` is null where the plan has no limit that it counts for."""

    monitors: int
    pings_this_minute: int | None


class OrganisationReply(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An organisation as its members see it."""

    id: str
    name: str
    created_at: str
    plan: PlanReply
    use: UseReply


@operation(
    "Organisation and keys",
    "Look at the organisation",
    "The caller's own, with its plan and how much of it is used.",
    reply=OrganisationReply,
)
async def show(call: Call) -> Response:
    return Json(await find(call))


async def find(call: Call) -> OrganisationReply:
    """The caller's own."""
    org = await orgs.by_id(call.book, call.org_id)
    return OrganisationReply(
        id=str(org.public_id),
        name=org.name,
        created_at=rfc3339(org.created_ms),
        plan=_plan(call.plan),
        use=UseReply(await orgs.count_monitors(call.book, org.id), await _pings_this_minute(call)),
    )


async def _pings_this_minute(call: Call) -> int | None:
    return await call.live.pings_this_minute(call.org_id) if call.plan.pings_per_minute else None


def _plan(plan: Plan) -> PlanReply:
    return PlanReply(
        name=plan.name,
        min_interval=plan.least_interval_s,
        pings_per_minute=plan.pings_per_minute or None,
        monitors=plan.monitors or None,
        history_days=plan.history_days or None,
        writes_per_minute=plan.writes_per_minute or None,
    )
