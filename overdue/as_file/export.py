"""`overdue export`: an organisation's channels, monitors and metric alerts as one file, for `overdue import`."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from pathlib import Path

import click

from ingest.api.within import Within
from overdue.as_file.current import Thing, all_channels, all_monitors, all_rules
from overdue.as_file.writing import write
from overdue.config_book import open_config_book
from store.book import orgs, plans
from store.book.joined import JoinedBook
from store.clock import wall_ms
from store.settings import SETTINGS_FILE, read_settings

OWNER_ALONE, EVERYBODY = 0o600, 0o666


@click.command()
@click.option("--org", default=orgs.DEFAULT_ORG, show_default=True, help="Name of the organisation.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write.  [default: stdout]",
)
@click.option("--with-secrets", is_flag=True, help="Write secrets too; the file is for its owner alone.")
def export(org: str, output: Path | None, with_secrets: bool) -> None:
    """Write the channels, monitors and metric alerts of an organisation as TOML, which `overdue import` reads.

    Signing secrets, headers and addresses of chat services are masked, unless they are asked for.
    """
    if output is not None and output.resolve() == Path(SETTINGS_FILE).resolve():
        raise click.UsageError(f"{SETTINGS_FILE} is where Overdue's settings are; name another file.")
    text = asyncio.run(_export(org, with_secrets))
    if output is None:
        click.echo(text, nl=False)
    else:
        _keep(output, text, OWNER_ALONE if with_secrets else EVERYBODY)


async def _export(org_name: str, with_secrets: bool) -> str:
    """All of it as it is at one moment, as nobody changes it meanwhile."""
    async with open_config_book() as book, book.write() as tx:
        org = await orgs.by_name(tx, org_name)
        plan = await plans.of_org(tx, org.id)
        within = Within(JoinedBook(tx), org.id, plan, read_settings(), wall_ms())
        channels, monitors = await all_channels(within), await all_monitors(within)
        rules: dict[str, list[Thing]] = defaultdict(list)
        for rule in await all_rules(within):
            rules[rule.owner].append(rule)
    return write(org.name, channels, monitors, rules, plan, with_secrets)


def _keep(path: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all, with its mode from the first byte on."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        unfinished.replace(path)
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from error
