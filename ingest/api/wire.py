"""JSON in and out: bodies read within a limit and decoded strictly, replies encoded by one encoder."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from msgspec import UnsetType
from starlette.requests import Request
from starlette.responses import Response

from store.errors import Invalid

MAX_BODY_BYTES = 64 * 1024
_LONGEST_FIELD = 100

_ENCODER = msgspec.json.Encoder()
_T = TypeVar("_T")

_MISSING = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_AT_FIELD = re.compile(r"(.*) - at `\$\.(\w+)[^`]*`", re.DOTALL)


class Json(Response):
    """A reply in JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return _ENCODER.encode(content)


class TooLarge(Exception):
    """The body is larger than any request of this API."""


class Unparsable(Exception):
    """The body is not JSON; the message says where."""


async def read_body(request: Request) -> bytes:
    """The body, given up as soon as it is too large.

    Raises:
        TooLarge: it has more than MAX_BODY_BYTES.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge
    return bytes(body)


def decode(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """The body as the decoder's type.

    Raises:
        Unparsable: it is not JSON.
        Invalid: it is JSON, but not this; names the field as the caller spelled it.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        _check_json(body)
        raise in_words(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unparsable(str(error)) from error


def given(value: _T | UnsetType) -> _T | None:
    """A field of a PATCH as changes have it: None stays as it is."""
    return None if isinstance(value, UnsetType) else value


def _check_json(body: bytes) -> None:
    """A strict decoder stops at the first bad field; what follows may still be no JSON at all."""
    try:
        body.decode()  # what is skipped is not looked at
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unparsable(str(error)) from error


def in_words(message: str) -> Invalid:
    """What msgspec says about a body, as a sentence that names the field."""
    if match := _MISSING.fullmatch(message):
        field = match[2][:_LONGEST_FIELD]
        if match[1] == "missing required":
            return Invalid(f"The field {field!r} is missing.", field)
        return Invalid(f"There is no field {field!r} here.", field)
    if match := _AT_FIELD.fullmatch(message):
        return Invalid(f"The field {match[2]!r} is not accepted: {_lowered(match[1])}.", match[2])
    return Invalid(f"The body is not accepted: {_lowered(message)}.")


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]
