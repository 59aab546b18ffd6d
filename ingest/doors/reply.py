"""What a door answers, as the two ASGI messages; replies that are always the same are made once."""

from __future__ import annotations

from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")


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
    members: dict[str, object] = {"error": sentence}
    headers: list[tuple[bytes, bytes]] = []
    if alive:
        members["alive"] = True
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
        if status == 429:
            members["retryAfter"] = retry_after_s
    if allow:
        headers.append((b"allow", allow.encode()))
    return make_reply(status, _encode(members), *headers)
