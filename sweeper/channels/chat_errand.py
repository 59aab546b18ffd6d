"""The words between the chat channel and its child process, each one line of JSON."""

from __future__ import annotations

import msgspec

READY = 0


class Orders(msgspec.Struct, frozen=True):
    """The first line that the child gets: where it may connect besides public addresses."""

    private_targets: tuple[str, ...]


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `number` is how its answer will be known; whoever carries it ends when `within_s` are over."""

    number: int = READY
    within_s: float
    url: str
    kind: str
    title: str
    body: str


class Done(msgspec.Struct, frozen=True):
    """What became of an errand; the child's first line is one of the number `READY`. `is_final`: it will never work."""

    number: int
    is_delivered: bool
    reason: str
    is_final: bool = False


def line_of(words: Orders | Errand | Done) -> bytes:
    return msgspec.json.encode(words) + b"\n"
