"""`overdue serve`, first half: what has to be ours before any other code is loaded.

The data folder is claimed, the port is bound and the folder of metrics is emptied; only then the second half,
`overdue/house.py`, is loaded, because the metrics' library looks at its folder while it is imported.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from overdue.lazy import load
from overdue.listen import listen_together
from overdue.lock import claim
from store.errors import SettingError
from store.part import set_up_logging
from store.settings import Settings, read_settings
from store.unknown_settings import unknown_variables

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_log = logging.getLogger(__name__)


@click.command()
def serve() -> None:
    """Start everything and keep it running."""
    sys.exit(run(read_settings()))


def run(settings: Settings, **options: Any) -> int:
    """Claim, bind, load the second half and run it; the exit code. `options` are for `keep_house`.

    Raises:
        SettingError: the start is not possible with these settings.
    """
    set_up_logging("serve")
    for sentence in unknown_variables(os.environ):
        _log.warning("%s", sentence)
    with claim(settings.data) as parts_lock, ExitStack() as bound:
        listeners = listen_together(settings.host, settings.port, settings.workers)
        for listener in listeners:
            bound.enter_context(listener)
        os.umask(0o077)  # what is written from here on holds keys and pings: for the owner alone
        os.environ[METRICS_FOLDER] = str(empty_metrics(settings.data))
        keep_house = load("overdue.house:keep_house")
        code: int = asyncio.run(keep_house(settings, listeners, parts_lock, **options))
        return code


def empty_metrics(data: Path) -> Path:
    """Make the folder that the metrics of all parts meet in, and remove what an earlier start left there."""
    folder = data.resolve() / "metrics"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for old in folder.glob("*.db"):
            old.unlink()
    except OSError as error:
        raise SettingError("OVERDUE_DATA", f"the folder {folder} cannot be used: {error.strerror}") from error
    return folder
