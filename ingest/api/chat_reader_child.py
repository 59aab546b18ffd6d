"""The child of `chat_reader.py`: an address on standard input; exits with `UNREADABLE` if Apprise cannot read it."""

from __future__ import annotations

import sys

import apprise

from ingest.api.chat_reader import UNREADABLE


def main() -> int:
    address = sys.stdin.readline()
    service = apprise.Apprise.instantiate(address, suppress_exceptions=True)
    return UNREADABLE if service is None else 0
