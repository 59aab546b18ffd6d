"""The last bytes of something long, written by several threads."""

from __future__ import annotations

import threading
from collections import deque

LONGEST = 10_000


class Tail:
    """Keeps at most LONGEST bytes, and begins with a whole character if it is UTF-8."""

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._cut = False
        self._lock = threading.Lock()

    def add(self, chunk: bytes) -> None:
        with self._lock:
            self._chunks.append(chunk)
            self._size += len(chunk)
            while self._size - len(self._chunks[0]) >= LONGEST:
                self._size -= len(self._chunks.popleft())
                self._cut = True

    def content(self) -> bytes:
        with self._lock:
            kept = b"".join(self._chunks)
            cut = self._cut
        if len(kept) <= LONGEST and not cut:
            return kept
        return _from_a_character_on(kept[-LONGEST:])


def _from_a_character_on(text: bytes) -> bytes:
    """Without the end of a character that was cut: at most three bytes that only continue one."""
    start = 0
    while start < 3 and text[start] & 0xC0 == 0x80:
        start += 1
    return text[start:]
