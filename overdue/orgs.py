"""`overdue orgs`: whoever monitors, channels and API keys belong to, and what their plans allow."""

from __future__ import annotations

import asyncio

import click

from overdue.config_book import open_config_book
from store.book import orgs as org_book
from store.book import plans as plan_book
from store.book.names import check_name
from store.clock import wall_ms
from store.plans import UNLIMITED, Plan
from store.timestamps import rfc3339


@click.group()
def orgs() -> None:
    """List and create organisations, and move them between plans."""


@orgs.command("list")
def list_orgs() -> None:
    """Show all organisations: id, name, since when, plan, use."""
    asyncio.run(_list())


@orgs.command()
@click.argument("name")
@click.option("--plan", default=UNLIMITED, show_default=True, help="What it may use.")
def create(name: str, plan: str) -> None:
    """Make an organisation; `overdue keys create --org NAME` lets somebody in."""
    click.echo(asyncio.run(_create(check_name(name), plan)))


@orgs.command()
@click.argument("name")
@click.argument("plan")
def plan(name: str, plan: str) -> None:
    """Give the organisation NAME another PLAN. What it has already stays, also where the plan allows less."""
    click.echo(asyncio.run(_move(name, plan)))


@orgs.command("plans")
def list_plans() -> None:
    """Show all plans; `overdue.toml` changes them and adds others."""
    asyncio.run(_list_plans())


async def _list() -> None:
    async with open_config_book() as book:
        limits = {plan.name: plan.monitors for plan in await plan_book.all_plans(book)}
        counts = await org_book.count_all_monitors(book)
        for org in await org_book.all_orgs(book):
            use = f"{counts.get(org.id, 0)} of {limits[org.plan] or 'any number of'} monitors"
            click.echo("\t".join((str(org.public_id), org.name, rfc3339(org.created_ms), org.plan, use)))


async def _create(name: str, plan: str) -> str:
    async with open_config_book() as book:
        return str((await org_book.create(book, name, wall_ms(), plan)).public_id)


async def _move(name: str, plan: str) -> str:
    async with open_config_book() as book, book.write() as tx:
        org = await org_book.by_name(tx, name)
        await org_book.move(tx, org, plan, wall_ms())
    return f"{name}: {org.plan} -> {plan}"


async def _list_plans() -> None:
    async with open_config_book() as book:
        for plan in await plan_book.all_plans(book):
            click.echo("\t".join((plan.name, *_limits(plan))))


def _limits(plan: Plan) -> list[str]:
    counts = (
        (plan.pings_per_minute, "pings a minute"),
        (plan.monitors, "monitors"),
        (plan.history_days, "days of history"),
        (plan.writes_per_minute, "changes a minute and key"),
    )
    return [
        f"every {plan.least_interval_s} s",
        *(f"{count or 'any number of'} {what}" for count, what in counts),
    ]
