"""How commands say how far they are: on stderr, so that what they print can be piped; a bar only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click


@contextmanager
def progress(length: int, label: str) -> Iterator[Any]:
    """A bar on stderr if that is a terminal."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=length, label=f"{label:<9}", file=sys.stderr, hidden=hidden) as bar:
        yield bar


def say(sentence: str) -> None:
    click.echo(sentence, err=True)
