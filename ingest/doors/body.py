"""What a door does with bodies: how much of one it reads, and whether it takes it. Pure."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """Something about a ping that is not taken. What it signals counts all the same."""

    status: int
    sentence: str


class BodyRule(Protocol):
    """`kept_bytes`: a body is read up to here; `strict_length`: a longer one is refused with 413."""

    kept_bytes: int
    strict_length: bool

    def judge(self, body: bytes) -> Refusal | None:
        """Whether this body is taken; an empty one is always taken and not asked about."""


class AnyBody:
    """Takes whatever comes, such as the output of a job, and keeps its first 10 KB."""

    kept_bytes = 10 * 1024
    strict_length = False

    def judge(self, body: bytes) -> Refusal | None:
        return None


ANY_BODY = AnyBody()
