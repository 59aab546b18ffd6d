"""`overdue import`: a file of configuration (TOML), or a list of monitors to be made (NDJSON)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import IO

import click

from overdue.as_file.importing import Wanted, import_configuration
from overdue.import_monitors import import_list
from overdue.progress import say
from store.book import orgs

INTERRUPTED = 130
_LISTS = {".ndjson", ".jsonl", ".json"}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--org", default=orgs.DEFAULT_ORG, show_default=True, help="Name of the organisation.")
@click.option(
    "--dry-run", is_flag=True, help="TOML: only say what would change; exit code 3 if something would."
)
@click.option("--prune", is_flag=True, help="TOML: delete what is not in the file.")
@click.option(
    "--output",
    type=click.File("wb", lazy=False),
    help="Where the ping URLs of new monitors go.  [default: stdout for NDJSON, nowhere for TOML]",
)
@click.option("--again", is_flag=True, help="NDJSON: import a file once more that was imported already.")
def import_file(
    file: IO[bytes], org: str, dry_run: bool, prune: bool, output: IO[bytes] | None, again: bool
) -> None:
    """Make an organisation what FILE says; `-` is stdin.

    TOML, as `overdue export` writes it, is the configuration itself: channels, monitors and metric alerts. What is not
    there is made, and what is different is changed, all in one step or nothing. Importing it twice changes nothing.
    What changes is printed: + made, ~ changed, - deleted.

    NDJSON makes new monitors, a line each, as POST /api/monitors takes it. What is printed is a line a monitor: id,
    name and pingUrl. An import that was cut off goes on where it stopped when it is started again with the same file.
    """
    content, name = file.read(), getattr(file, "name", "-")
    is_list = _is_list(name, content)
    if is_list and (dry_run or prune):
        raise click.UsageError("--dry-run and --prune are for TOML; a list of monitors is only added to.")
    if again and not is_list:
        raise click.UsageError("--again is for NDJSON; importing TOML twice changes nothing.")
    try:
        if is_list:
            asyncio.run(import_list(content, org, output or sys.stdout.buffer, again))
        else:
            asyncio.run(import_configuration(content, Wanted(name, org, prune, dry_run), output))
    except KeyboardInterrupt:
        say(
            "overdue: stopped; start it again with the same file, and it goes on from here"
            if is_list
            else "overdue: stopped; look with --dry-run what is left to do"
        )
        sys.exit(INTERRUPTED)


def _is_list(name: str, content: bytes) -> bool:
    """By its extension, or else by its first character, which no TOML begins with."""
    suffix = Path(name).suffix.lower()
    if suffix == ".toml":
        return False
    return suffix in _LISTS or content.removeprefix(_BYTE_ORDER_MARK).lstrip()[:1] in (b"{", b"")
