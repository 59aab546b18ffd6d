"""A server that hears the pings of jobs, and answers each as the test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

KEY = "XBvVBR5rK7VcjeleNhrSf7"


class Ping(NamedTuple):
    """One request: `signal` is what follows the key (`start`, `0`, or nothing)."""

    method: str
    signal: str
    query: dict[str, str]
    body: bytes


class PingReceiver:
    """Answers 200, or what `answer` says of a ping and of how many came before it; None: it never answers."""

    def __init__(self) -> None:
        self.pings: list[Ping] = []
        self.answer: Callable[[Ping, int], int | None] = lambda ping, number: 200
        self.closing = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.hear(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/ping/{KEY}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def hear(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        signal = parts.path.removeprefix(f"/ping/{KEY}").removeprefix("/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        ping = Ping(request.command, signal, query, body)
        number = len(self.pings)
        self.pings.append(ping)
        status = self.answer(ping, number)
        if status is None:
            self.closing.wait(30)
            return
        request.send_response(status)
        request.send_header("content-length", "0")
        request.end_headers()

    def signals(self) -> list[str]:
        return [ping.signal for ping in self.pings]

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def hearing() -> Iterator[PingReceiver]:
    receiver = PingReceiver()
    try:
        yield receiver
    finally:
        receiver.close()
