"""The query of a request as a struct, decoded strictly; the published document shows the same struct as parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import inspect
from starlette.requests import Request

from store.errors import Invalid

_T = TypeVar("_T", bound=msgspec.Struct)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)  # fits 64 bits
_FLAGS = {"true": True, "false": False}


class QueryDecoder(Generic[_T]):
    """Decodes queries as one type, as `msgspec.json.Decoder` does bodies; made once.

    A field is a whole number, true or false, one of some words, several of them with commas between (or none, as forms
    send it where nothing is chosen), or a text. What a text has to look like besides is for its reader to say. A
    parameter that the type does not have is not looked at.
    """

    def __init__(self, type: type[_T]) -> None:
        self.type = type
        described = inspect.type_info(type)
        assert isinstance(described, inspect.StructType)
        self._kinds = {field.encode_name: _kind_of(field.type) for field in described.fields}

    def decode(self, request: Request) -> _T:
        """The query as the type.

        Raises:
            Invalid: a parameter is none of what it may be; names it.
        """
        texts = request.query_params
        values = {name: _read(name, kind, texts[name]) for name, kind in self._kinds.items() if name in texts}
        return msgspec.convert(values, self.type)


def _kind_of(type: inspect.Type) -> inspect.Type:
    """What a parameter is when it is there."""
    if isinstance(type, inspect.Metadata):
        return _kind_of(type.type)
    if isinstance(type, inspect.UnionType):
        return next(_kind_of(one) for one in type.types if not isinstance(one, inspect.NoneType))
    return type


def _read(name: str, kind: inspect.Type, text: str) -> Any:
    match kind:
        case inspect.IntType(ge=least, le=most):
            return _number(name, text, least or 0, most)
        case inspect.BoolType():
            return _one_of(name, text, _FLAGS)
        case inspect.LiteralType(values=words):
            return _one_of(name, text, {str(word): word for word in words})
        case inspect.VarTupleType(item_type=inspect.LiteralType(values=words)):
            known = {str(word): word for word in words}
            return tuple(dict.fromkeys(_one_of(name, one, known) for one in text.split(",") if one))
        case _:
            return text


def _number(name: str, text: str, least: int, most: int | None) -> int:
    number = int(text) if _NUMBER.fullmatch(text) else -1
    if number < least or (most is not None and number > most):
        upper = "on" if most is None else f"to {most}"
        raise Invalid(f"The parameter {name!r} is a whole number from {least} {upper}.", name)
    return number


def _one_of(name: str, text: str, words: Mapping[str, Any]) -> Any:
    if text not in words:
        raise Invalid(f"The parameter {name!r} is one of {', '.join(filter(None, words))}.", name)
    return words[text]
