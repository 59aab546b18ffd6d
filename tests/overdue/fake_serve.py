"""`overdue serve` with real everything but the parts, which are `fake_part.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from overdue.serve import run
from store.errors import OverdueError
from store.settings import read_settings

FAKE_PART = (sys.executable, str(Path(__file__).with_name("fake_part.py")))

try:
    sys.exit(run(read_settings(), program=FAKE_PART))
except OverdueError as error:
    click.echo(f"overdue: {error}", err=True)
    sys.exit(2)
