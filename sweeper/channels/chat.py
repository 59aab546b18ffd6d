"""The chat channel: services for people, by Apprise, which runs in a child process with nothing but one message.

Apprise speaks to a hundred services with as many libraries' habits: it follows redirects, believes proxy variables,
and cannot be given a deadline. So each attempt has a process of its own, which may connect only where channels may
(`chat_child.py`), starts with an empty environment, and is killed when its time is over.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import msgspec

from store.channel_settings import AppriseSettings
from store.chat_schemes import check_chat_address
from store.clock import monotonic_ms
from store.errors import Invalid
from store.messages.notice import Notice
from store.messages.wording import words_of
from store.settings import IPNetwork
from sweeper.channels.attempt import Attempt, Outcome

AT_ONCE = 4
CHILD = "sweeper.channels.chat_child"


class Errand(msgspec.Struct, frozen=True):
    """What the child is told, in one line of JSON on its standard input."""

    url: str
    kind: str
    title: str
    body: str
    private_targets: tuple[str, ...]


class Done(msgspec.Struct, frozen=True):
    """What the child answers, in one line of JSON on its standard output."""

    is_delivered: bool
    reason: str


_KINDS = {
    "monitor.down": "failure",
    "monitors.down": "failure",
    "monitor.reminder": "failure",
    "metric.breached": "warning",
    "channel.failing": "warning",
    "monitor.up": "success",
    "monitors.up": "success",
    "metric.cleared": "success",
}


class Chat:
    """Sends notices through Apprise. A few at a time, as each one is a process."""

    def __init__(
        self, private_targets: tuple[IPNetwork, ...], base_url: str, *, attempt_timeout_s: float = 10.0
    ) -> None:
        self._private_targets = tuple(str(network) for network in private_targets)
        self._base_url = base_url
        self._attempt_timeout_s = attempt_timeout_s
        self._places = asyncio.Semaphore(AT_ONCE)

    async def send(self, settings: bytes, notice: Notice) -> Attempt:
        """Make one attempt. Whatever happens becomes an Attempt; only a cancellation is raised."""
        started_ms = monotonic_ms()
        try:
            async with asyncio.timeout(self._attempt_timeout_s), self._places:
                done = await _send_out(self._errand(settings, notice))
        except TimeoutError:
            done = Done(False, "the service did not answer in time")
        except Exception as error:  # the promise to dispatch: one bad channel never ends its loop
            reason = str(error) if isinstance(error, Invalid) else f"unexpected ({type(error).__name__})"
            done = Done(False, reason)
        outcome: Outcome = "delivered" if done.is_delivered else "retry"
        return Attempt(outcome, None, None, done.reason, monotonic_ms() - started_ms)

    async def aclose(self) -> None:
        """Nothing is kept open between two messages."""

    def _errand(self, settings: bytes, notice: Notice) -> Errand:
        try:
            url = msgspec.json.decode(settings, type=AppriseSettings).url
        except msgspec.DecodeError:
            raise Invalid("the settings of the channel cannot be read") from None
        words = words_of(notice.body, self._base_url)
        kind = msgspec.json.decode(notice.body, type=_Typed).type
        return Errand(
            url=check_chat_address(url),
            kind=_KINDS.get(kind, "info"),
            title=_harmless(words.subject),
            body=_harmless(words.text),
            private_targets=self._private_targets,
        )


def _harmless(text: str) -> str:
    """Without the power to call people: what a job said may hold `@everyone` or `<!channel>`, which services read."""
    return text.replace("@", "@\N{ZERO WIDTH SPACE}").replace("<!", "<\N{ZERO WIDTH SPACE}!")


class _Typed(msgspec.Struct, frozen=True):
    type: str


async def _send_out(errand: Errand) -> Done:
    """Start the child, give it its errand, wait for its answer; whatever happens, it does not outlive this call."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        CHILD,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        answer, _ = await child.communicate(msgspec.json.encode(errand))
    finally:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    try:
        return msgspec.json.decode(answer, type=Done)
    except msgspec.DecodeError:
        return Done(False, "the message could not be handed over")
