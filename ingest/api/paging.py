"""Lists come in pages: how many, from where, and where the next one starts."""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from starlette.requests import Request

from store.errors import Invalid

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100

_Row = TypeVar("_Row")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)  # fits 64 bits


class Page(msgspec.Struct, frozen=True):
    """What a caller asks for. A cursor is the text that `seal` was given, or empty at the start."""

    limit: int
    cursor: str

    @property
    def after_id(self) -> int:
        """The cursor of a list that is ordered by id."""
        return parse_number(self.cursor, "cursor") if self.cursor else 0

    @property
    def limit_and_one(self) -> int:
        """One row more than asked for tells whether there is a next page."""
        return self.limit + 1


def read_page(request: Request) -> Page:
    """`?limit=&cursor=`.

    Raises:
        Invalid: one of them is bad; names it.
    """
    return Page(read_limit(request), unseal(request.query_params.get("cursor", ""), "cursor"))


def read_limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    limit = int(text) if _NUMBER.fullmatch(text) else 0
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid(f"A limit is a whole number from 1 to {MAX_LIMIT}.", "limit")
    return limit


def cut(rows: Sequence[_Row], limit: int) -> tuple[Sequence[_Row], _Row | None]:
    """The rows of this page, and its last one if another page follows."""
    return (rows[:limit], rows[limit - 1]) if len(rows) > limit else (rows, None)


def parse_number(text: str, field: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _bad_cursor(field)
    return int(text)


def seal(position: str) -> str:
    """A position as callers get it: opaque, so that what it is made of may change."""
    return urlsafe_b64encode(position.encode()).decode().rstrip("=")


def unseal(cursor: str, field: str) -> str:
    """The position in a cursor."""
    padding = "=" * (-len(cursor) % 4)
    try:
        return b64decode(cursor + padding, altchars="-_", validate=True).decode("ascii")
    except ValueError:
        raise _bad_cursor(field) from None


def _bad_cursor(field: str) -> Invalid:
    return Invalid("Take this from `nextCursor` of the page before; this one was made by nobody here.", field)
