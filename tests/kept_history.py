"""What an entry of the stream of pings holds, with each beat written out."""

from __future__ import annotations

import msgspec

from store.beat import Beat, decode_history


class KeptRow(msgspec.Struct, frozen=True):
    """A row of an entry; its beat is its own or that of the row before."""

    monitor_id: int
    arrival_ms: int
    beat: Beat


def read_history(blob: bytes) -> list[KeptRow]:
    rows: list[KeptRow] = []
    for row in decode_history(blob):
        rows.append(KeptRow(row.monitor_id, row.arrival_ms, row.beat or rows[-1].beat))
    return rows
