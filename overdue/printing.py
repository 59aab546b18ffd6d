"""Prints monitors that are new as NDJSON: id, name and ping URL, a line each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

import msgspec

from overdue.listen import reachable_host
from store.settings import Settings

_ENCODER = msgspec.json.Encoder()


class Line(msgspec.Struct, frozen=True, rename="camel"):
    """A monitor as the output tells of it."""

    id: str
    name: str
    ping_url: str


def print_lines(output: IO[bytes], lines: Iterable[Line]) -> None:
    output.write(_ENCODER.encode_lines(list(lines)))
    output.flush()


def base_url(settings: Settings) -> str:
    """Where workers reach this installation, as far as the settings tell."""
    return settings.base_url or f"http://{reachable_host(settings.host)}:{settings.port}"
