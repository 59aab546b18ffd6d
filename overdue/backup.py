"""`overdue backup`: one file that `overdue restore` can start from, taken while everything runs."""

from __future__ import annotations

from pathlib import Path

import click

from overdue.archive import pack
from store.settings import read_settings


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
def backup(target: Path) -> None:
    """Save configuration, history and the admin key to TARGET (a .tar.gz), also while Overdue runs.

    What is true at this moment only (who pinged when within the last second) is in Redis and is not part of it: after a
    restore it is drawn anew from the history.
    """
    settings = read_settings()
    pack(settings.data, target)
    size_mb = target.stat().st_size / 1e6
    click.echo(
        f"Saved {settings.data} to {target} ({size_mb:.1f} MB). It holds secrets: keep it where only you can read."
    )
