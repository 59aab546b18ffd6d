"""The batch dialect, `POST /ping`: many beats in one request, as a JSON array, NDJSON or MessagePack. Pure.

An item is `{key, signal?, metrics?, at?}`. One that is bad is reported with its place and harms no other.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from store.errors import Invalid
from store.flat_json import Complaint, read_metrics

NAME = "batch"
PATH = "/ping"
MOST_BYTES = 1024 * 1024
MOST_ITEMS = 10_000
MOST_METRICS_BYTES = 1024
OLDEST_MS = 3_600_000
_is_key = re.compile(r"[A-Za-z0-9_-]{8,128}").fullmatch
_NO_METRICS = msgspec.Raw(b"")
_encode_json = msgspec.json.Encoder().encode


class Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One beat as it was sent. `at`: when it happened, in Unix seconds or RFC 3339; absent: now."""

    key: str
    signal: str = "success"
    metrics: msgspec.Raw = _NO_METRICS
    at: float | str | None = None


class Beaten(msgspec.Struct, gc=False):
    """A beat that arrived. `body` is its metrics as JSON; `at_ms` is None for now.

    With a `complaint` about its metrics it is not recorded, but a sign of life all the same.
    """

    key: str
    body: bytes
    at_ms: int | None
    complaint: str | None = None


class Problem(msgspec.Struct, frozen=True, gc=False):
    """Why an item is not recorded."""

    reason: str


_json = msgspec.json.Decoder(Item)
_json_items = msgspec.json.Decoder(list[Item]).decode
_json_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_msgpack_item = msgspec.msgpack.Decoder(Item).decode
_msgpack_raws = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_msgpack_value = msgspec.msgpack.Decoder().decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def unzip(body: bytes) -> bytes:
    """A gzip body, as far as it may go.

    Raises:
        Invalid: it is not gzip, or is larger than a batch may be.
    """
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise Invalid("The body is not gzip, though its Content-Encoding says so.") from error
    if len(plain) > MOST_BYTES:
        raise Invalid(f"A batch has at most {MOST_BYTES} bytes.")
    if not stream.eof:
        raise Invalid("The gzip body is cut off.")
    return plain


def read_batch(body: bytes, content_type: str, now_ms: int) -> list[Beaten | Problem]:
    """The items in order.

    Raises:
        Invalid: the body as a whole cannot be read, or has too many items.
    """
    kind = content_type.partition(";")[0].strip().lower()
    packed = kind in {"application/msgpack", "application/x-msgpack", "application/vnd.msgpack"}
    items = None if packed else _items_at_once(body)
    if items is not None:
        _check_number(items)
        return [_beaten(item, False, now_ms) for item in items]
    raws = _split_msgpack(body) if packed else _split_json(body)
    _check_number(raws)
    return [_read(raw, packed, now_ms) for raw in raws]


def _items_at_once(body: bytes) -> list[Item] | None:
    """All items of a JSON body in one go, if each of them can be read; None: look at them one by one."""
    text = body.strip()
    try:
        if text[:1] == b"[":
            return _json_items(text)
        # The decoder takes any white space between objects; here it is to be one line break and nothing else.
        breaks = text.count(b"}\n{")
        items = _json.decode_lines(text) if breaks == text.count(b"\n") else []
    except _UNREADABLE:
        return None
    return items if len(items) == breaks + 1 else None


def _check_number(items: Sequence[object]) -> None:
    if len(items) > MOST_ITEMS:
        raise Invalid(f"A batch has at most {MOST_ITEMS} items; this one has {len(items)}.")


def _split_msgpack(body: bytes) -> list[msgspec.Raw]:
    try:
        return _msgpack_raws(body)
    except _UNREADABLE as error:
        raise Invalid("The body is not a MessagePack array.") from error


def _split_json(body: bytes) -> list[msgspec.Raw]:
    """A JSON array, or else one JSON object per line."""
    if body.lstrip()[:1] != b"[":
        return [msgspec.Raw(line) for line in body.split(b"\n") if line.strip()]
    try:
        return _json_raws(body)
    except _UNREADABLE as error:
        raise Invalid("The body is neither a JSON array nor NDJSON.") from error


def _read(raw: msgspec.Raw, packed: bool, now_ms: int) -> Beaten | Problem:
    try:
        item = _msgpack_item(raw) if packed else _json.decode(raw)
    except msgspec.ValidationError as error:
        return Problem(f"{error}.")
    except _UNREADABLE:
        return Problem("This item cannot be read.")
    return _beaten(item, packed, now_ms)


def _beaten(item: Item, packed: bool, now_ms: int) -> Beaten | Problem:
    """An item that could be read, held against the rules."""
    if _is_key(item.key) is None:
        return Problem("No monitor has this ping key.")
    if item.signal != "success":
        return Problem("The only signal so far is `success`.")
    try:
        at_ms = None if item.at is None else _moment_ms(item.at, now_ms)
    except Invalid as error:
        return Problem(str(error))
    if item.metrics is _NO_METRICS:
        return Beaten(item.key, b"", at_ms)
    return _with_metrics(item, packed, at_ms)


def _with_metrics(item: Item, packed: bool, at_ms: int | None) -> Beaten | Problem:
    body = bytes(item.metrics)
    if packed:
        try:
            body = _encode_json(_msgpack_value(body))
        except (*_UNREADABLE, TypeError):
            return Problem("This item cannot be read.")
    if len(body) > MOST_METRICS_BYTES:
        return Beaten(item.key, b"", at_ms, f"`metrics` may have at most {MOST_METRICS_BYTES} bytes.")
    found = read_metrics(body)
    if isinstance(found, Complaint):
        return Beaten(item.key, b"", at_ms, found.sentence)
    return Beaten(item.key, body, at_ms)


def _moment_ms(at: float | str, now_ms: int) -> int:
    """When the beat happened; not in the future, and not too long ago.

    Raises:
        Invalid: it is no moment, or an hour old.
    """
    try:
        seconds = datetime.fromisoformat(at).timestamp() if isinstance(at, str) else at
        at_ms = min(now_ms, int(seconds * 1000))
    except (ValueError, OverflowError) as error:
        raise Invalid("`at` is neither Unix seconds nor RFC 3339.") from error
    if now_ms - at_ms > OLDEST_MS:
        raise Invalid("`at` is more than an hour ago.")
    return at_ms
