"""What is noted in a delivery: who pinged last and the end of what came with it, and who has the message already."""

from __future__ import annotations

import re

import msgspec

# So much is worth reading in a message, and so little is kept of it per delivery.
MOST_CHARACTERS = 1000
MOST_LINES = 20
MOST_OF_A_NAME = 200
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

# Digest of a recipient, and the status by which it was answered for.
Answers = tuple[tuple[bytes, int], ...]


class LastPing(msgspec.Struct, frozen=True, array_like=True):
    """A recorded ping. `signal` is empty for a plain one; `message` is its body, or if `is_cut` the end of it."""

    at_ms: int
    sender: str
    user_agent: str
    signal: str = ""
    exit_code: int | None = None
    message: str = ""
    is_cut: bool = False


def tail_of(body: bytes) -> tuple[str, bool]:
    """The end of a body as text that can be shown, and whether something before it was left out."""
    # A character has at most 4 bytes; what is further from the end cannot be shown anyhow.
    end = body[-4 * MOST_CHARACTERS :]
    text = end.decode("utf-8", "replace").replace("\r\n", "\n")
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).strip("\n ")
    kept = "\n".join(text.split("\n")[-MOST_LINES:])[-MOST_CHARACTERS:]
    return kept, len(end) < len(body) or kept != text


def short_name(text: str) -> str:
    """What a sender calls itself, as one line that can be shown."""
    return _CONTROL.sub(" ", " ".join(text.split()))[:MOST_OF_A_NAME]


class Noted(msgspec.Struct, frozen=True, array_like=True):
    """What is noted in a delivery: the last ping, if it is known, how long a run may take (0: not known), and how many
    failures in a row are an incident.

    `answers` are those of the recipients whom a channel tells one by one, as far as it need not ask them again.
    """

    ping: LastPing | None = None
    max_runtime_s: int = 0
    answers: Answers = ()
    failures: int = 1


NOTHING = Noted()
encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Noted).decode
