"""What a door answers, as the two ASGI messages; replies that are always the same are made once."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

_encode = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")


class PingProblem(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Why a ping was refused, in a sentence; `alive` says that its sign of life counted all the same."""

    error: str
    alive: bool | UnsetType = UNSET
    retry_after: int | UnsetType = UNSET


class Reply(msgspec.Struct, frozen=True):
    """A status with a JSON body, ready to be sent. `lasting`: it exists as long as the process does."""

    start: dict[str, Any]
    body: dict[str, Any]
    lasting: bool = False

    @property
    def status(self) -> int:
        return int(self.start["status"])

    @property
    def content(self) -> bytes:
        return bytes(self.body["body"])


def make_reply(status: int, content: bytes, *headers: tuple[bytes, bytes], lasting: bool = False) -> Reply:
    """A reply with the given JSON text."""
    return Reply(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [_JSON, (b"content-length", str(len(content)).encode()), *headers],
        },
        {"type": "http.response.body", "body": content},
        lasting,
    )


def make_error(
    status: int,
    sentence: str,
    *,
    alive: bool = False,
    retry_after_s: int | None = None,
    allow: str | None = None,
) -> Reply:
    """An error as the contract has it; `alive` says that the sign of life counted all the same."""
    headers: list[tuple[bytes, bytes]] = []
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
    if allow:
        headers.append((b"allow", allow.encode()))
    content = PingProblem(
        error=sentence,
        alive=True if alive else UNSET,
        retry_after=UNSET if retry_after_s is None or status != 429 else retry_after_s,
    )
    return make_reply(status, _encode(content), *headers)
