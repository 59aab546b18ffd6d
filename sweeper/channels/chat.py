"""The chat channel: services for people, by Apprise, each message from a process that knows of no other one.

Apprise speaks to a hundred services with as many libraries' habits: it follows redirects, believes proxy variables,
and cannot be given a deadline. So each attempt has a process of its own, which may connect only where channels may
(`chat_child.py`), has an environment that says at most whose certificates to trust, and is ended when its time is
over. Its time begins when it does: waiting for a place among the others is nothing that a service could help.
"""

from __future__ import annotations

import msgspec

from store.channel_settings import AppriseSettings
from store.chat_schemes import check_chat_address
from store.clock import monotonic_ms
from store.errors import Invalid
from store.messages.notice import Notice
from store.messages.wording import words_of
from store.settings import IPNetwork
from sweeper.channels.attempt import Attempt, Outcome
from sweeper.channels.chat_errand import READY, Done, Errand
from sweeper.channels.chat_process import ChatProcess
from sweeper.channels.places import Places

AT_ONCE = 24
AT_ONCE_PER_CHANNEL = 2


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
    """Sends notices through Apprise."""

    # More of one channel would only wait here.
    at_once = AT_ONCE_PER_CHANNEL
    slow_at_once = 12

    def __init__(
        self, private_targets: tuple[IPNetwork, ...], base_url: str, *, attempt_timeout_s: float = 10.0
    ) -> None:
        self._base_url = base_url
        self._attempt_timeout_s = attempt_timeout_s
        self._process = ChatProcess(tuple(str(network) for network in private_targets))
        self._places = Places(AT_ONCE, AT_ONCE_PER_CHANNEL)

    @property
    def waiting(self) -> int:
        return self._places.waiting

    async def send(self, settings: bytes, notice: Notice) -> Attempt:
        """Make one attempt. Whatever happens becomes an Attempt; only a cancellation is raised."""
        async with self._places.one_for(settings):
            started_ms = monotonic_ms()
            try:
                errand = self._errand(settings, notice)
                await self._process.be_ready()
                started_ms = monotonic_ms()
                done = await self._process.carry(errand)
            except TimeoutError:
                done = Done(READY, False, "the service did not answer in time")
            except Exception as error:  # the promise to dispatch: one bad channel never ends its loop
                reason = str(error) if isinstance(error, Invalid) else f"unexpected ({type(error).__name__})"
                done = Done(READY, False, reason)
            return Attempt(_outcome(done), None, None, done.reason, monotonic_ms() - started_ms)

    async def aclose(self) -> None:
        await self._process.aclose()

    def _errand(self, settings: bytes, notice: Notice) -> Errand:
        try:
            url = msgspec.json.decode(settings, type=AppriseSettings).url
        except msgspec.DecodeError:
            raise Invalid("the settings of the channel cannot be read") from None
        words = words_of(notice.body, self._base_url)
        kind = msgspec.json.decode(notice.body, type=_Typed).type
        return Errand(
            within_s=self._attempt_timeout_s,
            url=check_chat_address(url),
            kind=_KINDS.get(kind, "info"),
            title=_harmless(words.subject),
            body=_harmless(words.text),
        )


def _outcome(done: Done) -> Outcome:
    if done.is_delivered:
        return "delivered"
    return "rejected" if done.is_final else "retry"


def _harmless(text: str) -> str:
    """Without the power to call people: what a job said may hold `@everyone` or `<!channel>`, which services read."""
    return text.replace("@", "@\N{ZERO WIDTH SPACE}").replace("<!", "<\N{ZERO WIDTH SPACE}!")


class _Typed(msgspec.Struct, frozen=True):
    type: str
