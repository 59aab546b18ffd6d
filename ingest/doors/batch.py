"""The batch dialect, `POST /ping`: many beats in one request, as a JSON array, NDJSON or MessagePack. Pure.

An item is `{key, signal?, exitCode?, run?, durationMs?, metrics?, at?}`. One that is bad is reported with its place and
harms no other.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from ingest.doors.batch_item import NO_METRICS, UNREADABLE, Item, json_item, json_items, read_item
from ingest.doors.signals import (
    BAD_DURATION,
    BAD_RUN,
    LONGEST_MS,
    MOST_EXIT_CODE,
    of_exit_code,
    read_run,
)
from store.beat import Signal, Signalled
from store.errors import Invalid
from store.flat_json import Complaint, Metrics, read_metrics

NAME = "batch"
PATH = "/ping"
MOST_BYTES = 1024 * 1024
MOST_ITEMS = 10_000
MOST_METRICS_BYTES = 1024
OLDEST_MS = 3_600_000
_is_key = re.compile(r"[A-Za-z0-9_-]{8,128}").fullmatch
_PLAIN = Signalled()
SIGNALS = {signal.name.lower(): signal for signal in Signal}
_encode_json = msgspec.json.Encoder().encode


class Beaten(msgspec.Struct, gc=False):
    """A beat that arrived. `body` is its metrics as JSON; `at_ms` is None for now.

    With a `complaint` about something that came with it, it is not recorded, but what it signals counts all the same.
    """

    key: str
    body: bytes
    at_ms: int | None
    complaint: str | None = None
    signalled: Signalled | None = None


class Problem(msgspec.Struct, frozen=True, gc=False):
    """Why an item is not recorded."""

    reason: str


_json_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_msgpack_raws = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_msgpack_value = msgspec.msgpack.Decoder().decode


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
            return json_items.decode(text)
        # The decoder takes any white space between objects; here it is to be one line break and nothing else.
        breaks = text.count(b"}\n{")
        items = json_item.decode_lines(text) if breaks == text.count(b"\n") else []
    except UNREADABLE:
        return None
    return items if len(items) == breaks + 1 else None


def _check_number(items: Sequence[object]) -> None:
    if len(items) > MOST_ITEMS:
        raise Invalid(f"A batch has at most {MOST_ITEMS} items; this one has {len(items)}.")


def _split_msgpack(body: bytes) -> list[msgspec.Raw]:
    try:
        return _msgpack_raws(body)
    except UNREADABLE as error:
        raise Invalid("The body is not a MessagePack array.") from error


def _split_json(body: bytes) -> list[msgspec.Raw]:
    """A JSON array, or else one JSON object per line."""
    if body.lstrip()[:1] != b"[":
        return [msgspec.Raw(line) for line in body.split(b"\n") if line.strip()]
    try:
        return _json_raws(body)
    except UNREADABLE as error:
        raise Invalid("The body is neither a JSON array nor NDJSON.") from error


def _read(raw: msgspec.Raw, packed: bool, now_ms: int) -> Beaten | Problem:
    try:
        item, complaint = read_item(raw, packed)
    except msgspec.ValidationError as error:
        return Problem(f"{error}.")
    except UNREADABLE:
        return Problem("This item cannot be read.")
    beaten = _beaten(item, packed, now_ms)
    if complaint and isinstance(beaten, Beaten):
        beaten.complaint = complaint
    return beaten


def _beaten(item: Item, packed: bool, now_ms: int) -> Beaten | Problem:
    """An item that could be read, held against the rules."""
    if _is_key(item.key) is None:
        return Problem("No monitor has this ping key.")
    try:
        at_ms = None if item.at is None else _moment_ms(item.at, now_ms)
        beaten = Beaten(item.key, b"", at_ms)
        if (
            item.signal is not None
            or item.run is not None
            or item.exit_code is not None
            or item.duration_ms is not None
        ):
            _add_signal(beaten, item)
        if item.metrics is not NO_METRICS:
            _add_metrics(beaten, item.metrics, packed)
    except Invalid as error:
        return Problem(str(error))
    return beaten


def _add_signal(beaten: Beaten, item: Item) -> None:
    """What it says of a job.

    Raises:
        Invalid: nobody can tell what it signals.
    """
    signalled = _signal(item.signal, item.exit_code)
    run, duration_ms = b"", item.duration_ms
    if item.run is not None:
        run = read_run(item.run.encode()) or b""
        beaten.complaint = None if run else f"`run` {BAD_RUN}"
    if duration_ms is not None and not 0 <= duration_ms <= LONGEST_MS:
        duration_ms, beaten.complaint = None, f"`durationMs` {BAD_DURATION}"
    signalled = msgspec.structs.replace(signalled, run=run, duration_ms=duration_ms)
    beaten.signalled = None if signalled == _PLAIN else signalled


def _signal(word: str | None, code: int | None) -> Signalled:
    if word is not None and word not in SIGNALS:
        raise Invalid("`signal` is one of success, start, fail and log.")
    if code is None:
        return Signalled(SIGNALS[word or "success"])
    if not 0 <= code <= MOST_EXIT_CODE:
        raise Invalid(f"`exitCode` is a number from 0 to {MOST_EXIT_CODE}.")
    signalled = of_exit_code(code)
    if word is not None and SIGNALS[word] != signalled.signal:
        raise Invalid("`signal` and `exitCode` contradict each other.")
    return signalled


def _add_metrics(beaten: Beaten, metrics: msgspec.Raw, packed: bool) -> None:
    """The figures that it came with, unless there is something to complain of.

    Raises:
        Invalid: they cannot be read at all.
    """
    body = bytes(metrics)
    if packed:
        try:
            body = _encode_json(_msgpack_value(body))
        except (*UNREADABLE, TypeError) as error:
            raise Invalid("This item cannot be read.") from error
    if len(body) > MOST_METRICS_BYTES:
        found: Metrics | Complaint = Complaint(f"`metrics` may have at most {MOST_METRICS_BYTES} bytes.")
    else:
        found = read_metrics(body)
    if isinstance(found, Complaint):
        beaten.complaint = beaten.complaint or found.sentence
    else:
        beaten.body = body


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
