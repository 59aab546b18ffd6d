"""How a part (ingest, sweeper, recorder) lives: its log, its loop, when it has to stop, what its end means.

A part is told to stop by SIGTERM, by Ctrl-C when it was started by hand, or by its *lifeline*: the read end
of a pipe whose write end only `overdue serve` holds. When `serve` is gone, however it went, the pipe ends
and the part stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable

import uvloop

from store.errors import Fenced, OverdueError, SettingError

LIFELINE = "OVERDUE_LIFELINE"
STOP_BOUND_S = 8.0
FAILED, BAD_SETTING, FENCED = 1, 2, 3
# How many objects may come about before the garbage collector looks at them; by default 700.
YOUNG_OBJECTS = 20_000

_OURS = ("overdue", "ingest", "sweeper", "store")
_log = logging.getLogger(__name__)


class Part:
    """What a running part is given: its name, and the event that tells it to finish what it holds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stop = asyncio.Event()


def set_up_logging(name: str) -> None:
    """Log to stderr as `04:12:33 sweeper  message`: our own words from INFO, those of libraries from WARNING.

    Libraries stay below that because some of them tell whole URLs at INFO, and a webhook's URL is a secret.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(f"%(asctime)s {name:<8} %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.raiseExceptions = False  # a closed terminal is no reason to fail
    for ours in _OURS:
        logging.getLogger(ours).setLevel(logging.INFO)


def run_part(name: str, main: Callable[[Part], Awaitable[None]]) -> int:
    """Run a part until it ends and return the exit code, with which the process has to end at once.

    From the moment of being told to stop, or of failing, the process has STOP_BOUND_S left: what lingers
    after that (a stuck loop, a thread that a library forgot) is cut off.
    """
    set_up_logging(name)
    deadline = _Deadline(STOP_BOUND_S)
    _spare_collector()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_live(Part(name), main, deadline))
    except Exception as error:
        deadline.exit_code = _last_word(error)
    else:
        deadline.exit_code = 0
    deadline.start()
    return deadline.exit_code


def _spare_collector() -> None:
    """What was loaded by now stays: the garbage collector need not walk over it, again and again, while pings wait.

    Nor need it look after every few hundred new objects: what a ping leaves behind is hardly ever a cycle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


async def _live(part: Part, main: Callable[[Part], Awaitable[None]], deadline: _Deadline) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        deadline.start()
        part.stop.set()

    def stop_alone() -> None:
        if not part.stop.is_set():
            _log.warning("`overdue serve` is gone; stopping")
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    _watch_lifeline(loop, stop_alone, deadline)
    await main(part)


def _watch_lifeline(loop: asyncio.AbstractEventLoop, gone: Callable[[], None], deadline: _Deadline) -> None:
    """Wait for the end of the pipe in a thread, so that a part whose loop is stuck ends too."""
    text = os.environ.get(LIFELINE, "")
    if not text.isdecimal():
        return

    def watch(fd: int) -> None:
        try:
            while os.read(fd, 1):
                pass
        except OSError as error:
            _log.warning("the lifeline cannot be read (%s)", error)
        deadline.start()
        with contextlib.suppress(RuntimeError):  # the loop is closed: the part is at its end anyway
            loop.call_soon_threadsafe(gone)

    threading.Thread(target=watch, args=(int(text),), name="lifeline", daemon=True).start()


class _Deadline:
    """Ends the process hard when stopping takes too long; a thread, as the loop may be what is stuck."""

    def __init__(self, bound_s: float) -> None:
        self.exit_code = FAILED
        self._bound_s = bound_s
        self._timer = threading.Timer(bound_s, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._started = False

    def start(self) -> None:
        """Begin to count; only the first call matters."""
        with self._lock:
            if not self._started:
                self._started = True
                self._timer.start()

    def _end(self) -> None:
        _log.error("was not done %g s after being told to stop; ending now", self._bound_s)
        os._exit(self.exit_code)


def _last_word(error: Exception) -> int:
    """Say why the part ended and choose its exit code."""
    cause = _on_purpose(error)
    if cause is None:
        _log.error("failed unexpectedly", exc_info=error)
        return FAILED
    _log.error("%s", cause)
    if isinstance(cause, SettingError):
        return BAD_SETTING
    return FENCED if isinstance(cause, Fenced) else FAILED


def _on_purpose(error: Exception) -> OverdueError | None:
    """The OverdueError that this is, also out of a task group; None if anything unexpected is among it."""
    if isinstance(error, OverdueError):
        return error
    if not isinstance(error, ExceptionGroup):
        return None
    causes = [_on_purpose(inner) for inner in error.exceptions]
    if None in causes:
        return None
    return next((cause for cause in causes if isinstance(cause, Fenced)), causes[0])
