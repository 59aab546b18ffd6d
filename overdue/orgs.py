"""`overdue orgs`: whoever monitors, channels and API keys belong to."""

from __future__ import annotations

import asyncio

import click

from overdue.config_book import open_config_book
from store.book import orgs as org_book
from store.book.names import check_name
from store.clock import wall_ms
from store.timestamps import rfc3339


@click.group()
def orgs() -> None:
    """List and create organisations."""


@orgs.command("list")
def list_orgs() -> None:
    """Show all organisations: id, name, since when."""
    asyncio.run(_list())


@orgs.command()
@click.argument("name")
def create(name: str) -> None:
    """Make an organisation; `overdue keys create --org NAME` lets somebody in."""
    click.echo(asyncio.run(_create(check_name(name))))


async def _list() -> None:
    async with open_config_book() as book:
        for org in await org_book.all_orgs(book):
            click.echo("\t".join((str(org.public_id), org.name, rfc3339(org.created_ms))))


async def _create(name: str) -> str:
    async with open_config_book() as book:
        return str((await org_book.create(book, name, wall_ms())).public_id)
