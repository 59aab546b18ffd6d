"""Lists come in pages: how many, from where, and where the next one starts."""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request

from ingest.api.query import QueryDecoder
from store.errors import Invalid

MAX_LIMIT = 1000
DEFAULT_LIMIT = 100

_Row = TypeVar("_Row")
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)  # fits 64 bits


Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT, description="So many at most.")]
Cursor = Annotated[
    str,
    Meta(
        description="`nextCursor` of the page before; without it the list begins at its start.",
        extra_json_schema={"pattern": "^[A-Za-z0-9_-]*$"},
    ),
]


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


class PageQuery(msgspec.Struct, frozen=True):
    """Which page of a list."""

    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor = ""

    @property
    def page(self) -> Page:
        """The page that is asked for.

        Raises:
            Invalid: the cursor is none of ours.
        """
        return Page(self.limit, unseal(self.cursor, "cursor"))


PAGE_QUERY = QueryDecoder(PageQuery)


def read_page(request: Request) -> Page:
    """`?limit=&cursor=`.

    Raises:
        Invalid: one of them is bad; names it.
    """
    return PAGE_QUERY.decode(request).page


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
