"""A part for tests of `serve`: lives like a real one, notes its start and stop, and answers /readyz as ingest.

FAKE_STUBBORN names the part that does not stop when told; FAKE_UNREADY makes /readyz answer 503.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

from store.part import Part, run_part


def note(words: str) -> None:
    with (Path(os.environ["OVERDUE_DATA"]) / "journal").open("a") as journal:
        journal.write(f"{words}\n")


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    status = "503 Unavailable" if "FAKE_UNREADY" in os.environ else "200 OK"
    body = b"the recorder is not ready"
    writer.write(
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    )
    await writer.drain()
    writer.close()


async def live(part: Part) -> None:
    note(f"{part.name} starts")
    server = None
    if "--fd" in sys.argv:
        descriptors = sys.argv[sys.argv.index("--fd") + 1].split(",")
        listener = socket.socket(fileno=int(descriptors[int(sys.argv[sys.argv.index("--worker") + 1])]))
        server = await asyncio.start_server(answer, sock=listener)
    await part.stop.wait()
    if os.environ.get("FAKE_STUBBORN") == part.name:
        await asyncio.Event().wait()
    if server:
        server.close()
    note(f"{part.name} stops")


def name() -> str:
    """As it is called in logs."""
    several = os.environ.get("OVERDUE_WORKERS", "1") != "1"
    numbered = several and "--worker" in sys.argv
    return f"{sys.argv[1]}-{sys.argv[sys.argv.index('--worker') + 1]}" if numbered else sys.argv[1]


sys.exit(run_part(name(), live))
