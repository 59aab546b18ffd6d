"""The monitors of the large bench: files to import, and the keys that came of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec

from bench.load import BenchFailed
from bench.million_house import House

DAY_S = 86_400
BATCH = 10_000


class Imported(msgspec.Struct):
    """What the bench reads of a line that `overdue import` printed."""

    ping_url: str = msgspec.field(name="pingUrl")


_LINE = msgspec.json.Decoder(Imported)


class Fleet(msgspec.Struct, frozen=True):
    """Monitors by their ping keys, in an order in which they take turns; `paths` is a file of their paths, for wrk."""

    keys: Sequence[str]
    paths: Path


def write_file(file: Path, count: int, interval_s: int = DAY_S, graces_s: Sequence[int] = (DAY_S,)) -> Path:
    """A file of monitors with names of 21 characters; the graces take turns."""
    with file.open("w", encoding="utf-8") as lines:
        for number in range(count):
            name = f"nightly backup {number:06d}"
            grace_s = graces_s[number % len(graces_s)]
            lines.write(f'{{"name":"{name}","interval":{interval_s},"gracePeriod":{grace_s}}}\n')
    return file


def read_fleet(output: Path, paths: Path, which: slice = slice(None)) -> Fleet:
    """Some of the keys that `overdue import` printed, shuffled: who is made together does not ping together."""
    with output.open("rb") as lines:
        keys = [_LINE.decode(line).ping_url.rsplit("/", 1)[1] for line in lines][which]
    Random(len(keys)).shuffle(keys)
    paths.write_text("".join(f"/ping/{key}\n" for key in keys), encoding="utf-8")
    return Fleet(keys, paths)


def ping_in_batches(house: House, keys: Sequence[str], at_ms: int | None = None) -> None:
    """Ping each monitor once through the batch door; `at_ms`: spread over the second that begins then.

    Raises:
        BenchFailed: not all were recorded.
    """
    with house.client() as client:
        for body in _bodies(keys, at_ms):
            reply = client.post("/ping", content=body, headers={"content-type": "application/x-ndjson"})
            if reply.status_code != 200:
                raise BenchFailed(f"a batch was answered {reply.status_code}: {reply.text[:500]}")


def _bodies(keys: Sequence[str], at_ms: int | None) -> Iterator[bytes]:
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        if at_ms is None:
            yield "\n".join(f'{{"key":"{key}"}}' for key in some).encode()
        else:
            stamps = (at_ms + (start + place) * 1000 // len(keys) for place in range(len(some)))
            yield "\n".join(
                f'{{"key":"{key}","at":{stamp / 1000:.3f}}}' for key, stamp in zip(some, stamps, strict=True)
            ).encode()
