"""An item of a batch as it was sent, and how it is read. Pure.

Nearly all are read as an `Item` in one go. Of one whose `run` or `durationMs` is of a wrong kind these two are read on
their own, so that they are refused and what the item signals counts all the same.
"""

from __future__ import annotations

import msgspec

from ingest.doors.signals import BAD_DURATION, BAD_RUN

NO_METRICS = msgspec.Raw(b"")
_UNSAID = msgspec.Raw(b"")


class _Said(msgspec.Struct, forbid_unknown_fields=True, rename="camel", gc=False):
    key: str
    signal: str | None = None
    metrics: msgspec.Raw = NO_METRICS
    at: float | str | None = None
    exit_code: int | None = None


class Item(_Said, gc=False):
    """One beat as it was sent. `at`: when it happened, in Unix seconds or RFC 3339; absent: now. `signal`: absent where
    the exit code says it, or it is a success."""

    run: str | None = None
    duration_ms: int | None = None


class _LooseItem(_Said, gc=False):
    run: msgspec.Raw = _UNSAID
    duration_ms: msgspec.Raw = _UNSAID


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
json_item = msgspec.json.Decoder(Item)
json_items = msgspec.json.Decoder(list[Item])
_msgpack_item = msgspec.msgpack.Decoder(Item)
_json_loose = msgspec.json.Decoder(_LooseItem)
_msgpack_loose = msgspec.msgpack.Decoder(_LooseItem)
_json_text, _msgpack_text = msgspec.json.Decoder(str | None), msgspec.msgpack.Decoder(str | None)
_json_number = msgspec.json.Decoder(int | float | None)
_msgpack_number = msgspec.msgpack.Decoder(int | float | None)


def read_item(raw: msgspec.Raw, packed: bool) -> tuple[Item, str | None]:
    """An item, and what is to be complained of in it.

    Raises:
        msgspec.ValidationError: something else than its `run` and its `durationMs` is of a wrong kind.
        UNREADABLE: it is neither JSON nor MessagePack.
    """
    try:
        return (_msgpack_item if packed else json_item).decode(raw), None
    except msgspec.ValidationError:
        return _read_loosely((_msgpack_loose if packed else _json_loose).decode(raw), packed)


def _read_loosely(loose: _LooseItem, packed: bool) -> tuple[Item, str | None]:
    item = Item(loose.key, loose.signal, loose.metrics, loose.at, loose.exit_code)
    complaint = None
    if loose.run is not _UNSAID:
        try:
            item.run = (_msgpack_text if packed else _json_text).decode(loose.run)
        except msgspec.ValidationError:
            complaint = f"`run` {BAD_RUN}"
    if loose.duration_ms is not _UNSAID:
        try:
            item.duration_ms = _whole((_msgpack_number if packed else _json_number).decode(loose.duration_ms))
        except (msgspec.ValidationError, ValueError):
            complaint = f"`durationMs` {BAD_DURATION}"
    return item, complaint


def _whole(number: float | None) -> int | None:
    """Some languages write every number as a float.

    Raises:
        ValueError: it is none that is whole.
    """
    if number is None or isinstance(number, int):
        return number
    if not number.is_integer():
        raise ValueError("not whole")
    return int(number)
