"""`overdue keys`: who may call the admin API."""

from __future__ import annotations

import asyncio

import click

from overdue.config_book import open_config_book
from store.book import keys as key_book
from store.book import orgs as org_book
from store.book.keys import ApiKeyRow
from store.book.names import check_name
from store.clock import wall_ms
from store.timestamps import moment, rfc3339


@click.group()
def keys() -> None:
    """List, create and revoke keys of the admin API."""


@keys.command("list")
@click.option("--org", default=None, help="Only those of this organisation.")
def list_keys(org: str | None) -> None:
    """Show all keys: id, organisation, scope, state, the first characters, name."""
    asyncio.run(_list(org))


@keys.command()
@click.option(
    "--scope", type=click.Choice([key_book.WRITE, key_book.READ]), default=key_book.WRITE, show_default=True
)
@click.option("--name", default="key", show_default=True, help="What the key is for.")
@click.option("--org", default=org_book.DEFAULT_ORG, show_default=True, help="Name of its organisation.")
def create(scope: str, name: str, org: str) -> None:
    """Draw a key and print it; it can never be shown again."""
    click.echo(asyncio.run(_create(scope, check_name(name), org)))


@keys.command()
@click.argument("key_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
def revoke(key_id: int) -> None:
    """Make a key useless, from its next request on."""
    asyncio.run(_revoke(key_id))


async def _list(org: str | None) -> None:
    async with open_config_book() as book:
        names = {org.id: org.name for org in await org_book.all_orgs(book)}
        only = None if org is None else (await org_book.by_name(book, org)).id
        for key in await key_book.list_keys(book, only):
            click.echo(
                "\t".join((str(key.id), names[key.org_id], key.scope, _state(key), key.prefix, key.name))
            )


async def _create(scope: str, name: str, org: str) -> str:
    async with open_config_book() as book:
        org_id = (await org_book.by_name(book, org)).id
        _, key = await key_book.create(book, org_id, name, scope, wall_ms())
    return key


async def _revoke(key_id: int) -> None:
    async with open_config_book() as book:
        await key_book.revoke(book, key_id, wall_ms())


def _state(key: ApiKeyRow) -> str:
    if key.revoked_ms is not None:
        return f"revoked {rfc3339(key.revoked_ms)}"
    return f"last used {moment(key.last_used_ms) or 'never'}"
