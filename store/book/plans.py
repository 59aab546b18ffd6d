"""Plans in the book: read, changed as `overdue.toml` says, and told to Redis for each organisation that has one."""

from __future__ import annotations

from sqlite3 import Row

import msgspec

from store.book import outbox
from store.book.database import ConfigBook, Transaction
from store.errors import NotFound
from store.plans import Plan, PlanChange
from store.projection import PutPlan

# The columns of a plan in any query that joins `plans`; `read_plan` reads them.
COLUMNS = """
plans.name AS plan_name, plans.min_interval_s, plans.pings_per_minute, plans.monitors, plans.history_days,
plans.writes_per_minute
"""

# The smallest first.
ALL = f"SELECT {COLUMNS} FROM plans ORDER BY plans.min_interval_s DESC, plans.name"

OF_ORG = f"SELECT {COLUMNS} FROM orgs JOIN plans ON plans.name = orgs.plan WHERE orgs.id = ?"

ADD = "INSERT INTO plans (name) VALUES (?)"

UPDATE = """
UPDATE plans SET min_interval_s = ?, pings_per_minute = ?, monitors = ?, history_days = ?, writes_per_minute = ?
WHERE name = ?
"""

ORGS_OF_PLAN = "SELECT id FROM orgs WHERE plan = ? ORDER BY id"

RAISE_VERSION = "UPDATE orgs SET plan_version = plan_version + 1 WHERE id = ?"

LIMITS = """
SELECT orgs.plan_version, plans.min_interval_s, plans.pings_per_minute
FROM orgs JOIN plans ON plans.name = orgs.plan WHERE orgs.id = ?
"""


async def all_plans(source: ConfigBook | Transaction) -> list[Plan]:
    """All plans, the smallest first."""
    return [read_plan(row) for row in await source.rows(ALL)]


async def by_name(source: ConfigBook | Transaction, name: str) -> Plan:
    """The plan of this name.

    Raises:
        NotFound: there is none; says which there are.
    """
    plans = await all_plans(source)
    for plan in plans:
        if plan.name == name:
            return plan
    raise NotFound(f"There is no plan named {name!r}; there are {', '.join(plan.name for plan in plans)}.")


async def of_org(source: ConfigBook | Transaction, org_id: int) -> Plan:
    """The plan of an organisation."""
    (row,) = await source.rows(OF_ORG, (org_id,))
    return read_plan(row)


async def change(tx: Transaction, wanted: PlanChange, now_ms: int) -> None:
    """Change a plan, or add one. What is left out stays as it is; every organisation with that plan is told."""
    former = {plan.name: plan for plan in await all_plans(tx)}
    if wanted.name not in former:
        await tx.execute(ADD, (wanted.name,))
    plan = await by_name(tx, wanted.name)
    changed = msgspec.structs.replace(plan, **wanted.limits)
    if changed == plan:
        return
    await tx.execute(
        UPDATE,
        (
            changed.min_interval_s,
            changed.pings_per_minute,
            changed.monitors,
            changed.history_days,
            changed.writes_per_minute,
            changed.name,
        ),
    )
    for org in await tx.rows(ORGS_OF_PLAN, (changed.name,)):
        await tell(tx, org["id"], now_ms)


async def tell(tx: Transaction, org_id: int, now_ms: int) -> None:
    """Tell Redis what an organisation's plan allows from now on."""
    await tx.execute(RAISE_VERSION, (org_id,))
    await outbox.add(tx, await put_plan(tx, org_id), now_ms)


async def put_again(book: ConfigBook, org_id: int, now_ms: int) -> None:
    """Tell Redis of the plan of an organisation as if it had been changed; whoever drains the outbox carries that."""
    async with book.write() as tx:
        await tell(tx, org_id, now_ms)


async def put_plan(source: ConfigBook | Transaction, org_id: int) -> PutPlan:
    """What Redis is told of an organisation's plan."""
    (row,) = await source.rows(LIMITS, (org_id,))
    return PutPlan(org_id, row["plan_version"], row["min_interval_s"], row["pings_per_minute"])


def read_plan(row: Row) -> Plan:
    return Plan(
        name=row["plan_name"],
        min_interval_s=row["min_interval_s"],
        pings_per_minute=row["pings_per_minute"],
        monitors=row["monitors"],
        history_days=row["history_days"],
        writes_per_minute=row["writes_per_minute"],
    )
