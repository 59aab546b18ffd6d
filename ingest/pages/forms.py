"""Forms in: read within a limit, decoded into the very types that the API's bodies have, refused in the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request

from ingest.api.problems import reply_to
from ingest.api.wire import in_words, read_body
from store.errors import Conflict, Invalid, LimitReached, OverdueError, TooOften, Unavailable

MOST_FIELDS = 2000
TOKEN = "form_token"

# What a form is shown again for, with the sentence; anything else has a page of its own.
REFUSED = (Invalid, LimitReached, Conflict, TooOften, Unavailable)

_T = TypeVar("_T")


class Form(msgspec.Struct, frozen=True):
    """The fields of a form; one that is not there is empty."""

    fields: Mapping[str, list[str]] = {}

    def text(self, name: str) -> str:
        return self.fields.get(name, [""])[0].strip()

    def all(self, name: str) -> list[str]:
        """The values of a field that may be there many times."""
        return self.fields.get(name, [])


class Refused(msgspec.Struct, frozen=True):
    """Why a form is shown again, and the field it is about, if there is one."""

    sentence: str
    field: str | None
    status: int


def refused(error: OverdueError) -> Refused:
    """What a page says about an error that is one of REFUSED."""
    field = error.field if isinstance(error, Invalid) else None
    return Refused(str(error), field, reply_to(error).status_code)


async def read_form(request: Request) -> Form:
    """The form that a request carries.

    Raises:
        TooLarge: it is larger than any form of ours.
        Invalid: it is no form.
    """
    body = await read_body(request)
    try:
        return Form(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Invalid("This is no form of ours; load the page again.") from None


def asked(type_: type[_T], **fields: Any) -> _T:
    """Fields, by their Python names, as the body of an API call; numbers may be written as texts.

    Raises:
        Invalid: one is not accepted; names it.
    """
    known = {one.name: one.encode_name for one in msgspec.structs.fields(type_)}  # type: ignore[arg-type]
    named = {known[name]: value for name, value in fields.items()}
    try:
        return msgspec.convert(named, type_, strict=False)
    except msgspec.ValidationError as error:
        raise in_words(str(error)) from error
