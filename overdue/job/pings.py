"""The pings of one run: `<url>/start` before the job, `<url>/<exit code>` with the end of its output after it.

Both carry the same `rid`. A server that knows neither (404) is an older Overdue: it gets a plain ping if the job
succeeded, and none if it failed. Messages never show the URL, because whoever has it may ping.
"""

from __future__ import annotations

import random
import threading
from email.message import Message
from http.client import HTTPException, HTTPMessage
from typing import IO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener
from uuid import uuid4

from store.clock import monotonic_ms

ATTEMPT_S = 3.0
START_PAUSES_S = (0.5, 1.0, 2.0, 0.0)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 2.0
NOT_THERE = {404, 405}
# Overdue takes whatever a job says; a proxy on the way to it may not.
UNWANTED_BODY = {411, 413, 415}
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
NO_ANSWER = 0


class Answer(NamedTuple):
    """`status` 0: nobody answered, and `reason` says why."""

    status: int
    reason: str = ""
    retry_after_s: float = 0

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_passing(self) -> bool:
        return self.status == NO_ANSWER or self.status in TRY_AGAIN


class _Unredirected(HTTPRedirectHandler):
    """A ping goes where it was sent; it would arrive elsewhere without its body."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


class Pings:
    """What is told about one run, in order: the end is not sent before the start was answered or given up."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._run_id = str(uuid4())
        self._opener = build_opener(_Unredirected)

    def start(self, ended: threading.Event) -> None:
        """Tell that the job runs; a few attempts, and no further one after its end."""
        for pause_s in START_PAUSES_S:
            answer = self._send("/start", b"", ATTEMPT_S)
            if not answer.is_passing or ended.wait(pause_s):
                return

    def end(self, code: int, took_ms: int, output: bytes, until_ms: int) -> str:
        """Tell how the job ended; a sentence if nobody could be told, else empty."""
        suffix, body, pause_s = f"/{code}", output, FIRST_PAUSE_S
        while True:
            left_s = (until_ms - monotonic_ms()) / 1000
            answer = self._send(suffix, body, max(0.1, min(ATTEMPT_S, left_s)), duration_ms=took_ms)
            if answer.is_good:
                return ""
            if answer.status in NOT_THERE and suffix and code == 0:
                suffix, body = "", b""
            elif answer.status in UNWANTED_BODY and body:
                body = b""
            elif answer.is_passing and self._pause(max(pause_s, answer.retry_after_s), until_ms):
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                return self._complaint(answer)

    def _pause(self, pause_s: float, until_ms: int) -> bool:
        """Wait before another attempt, each run a little differently; False if there is no time for one."""
        pause_s *= random.uniform(1, 1.5)
        if monotonic_ms() + pause_s * 1000 >= until_ms:
            return False
        threading.Event().wait(pause_s)
        return True

    def _complaint(self, answer: Answer) -> str:
        host = self._parts.netloc.rpartition("@")[2]  # with the port, without a password
        place = f"{self._parts.scheme}://{host}"
        said = f"it answers {answer.status}" if answer.status else answer.reason
        return f"the end of the job could not be told to {place} ({said})"

    def _send(self, suffix: str, body: bytes, bound_s: float, **more: int) -> Answer:
        request = Request(
            self._address(suffix, more),
            data=body,
            method="POST",
            headers={"Content-Type": "text/plain; charset=utf-8", "User-Agent": "overdue-run"},
        )
        try:
            with self._opener.open(request, timeout=bound_s) as reply:
                return Answer(reply.status)
        except HTTPError as error:
            with error:
                return Answer(error.code, "", _retry_after_s(error.headers))
        except URLError as error:
            return Answer(NO_ANSWER, _why(error.reason))
        except (OSError, HTTPException) as error:
            return Answer(NO_ANSWER, _why(error))

    def _address(self, suffix: str, more: dict[str, int]) -> str:
        told = urlencode({"rid": self._run_id, **more})
        query = f"{self._parts.query}&{told}" if self._parts.query else told
        path = self._parts.path.rstrip("/") + suffix
        return urlunsplit((self._parts.scheme, self._parts.netloc, path, query, ""))


def _retry_after_s(headers: Message) -> float:
    text = headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else 0


def _why(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    return str(error) or type(error).__name__
