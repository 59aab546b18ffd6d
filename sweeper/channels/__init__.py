"""The kinds of channel: one file each, and the table from a channel's kind to what serves it."""

from __future__ import annotations

from typing import Protocol

from store.messages.notice import Notice
from store.settings import Settings
from sweeper.channels.attempt import Attempt
from sweeper.channels.chat import Chat
from sweeper.channels.mail import Mail
from sweeper.channels.webhook import Webhook


class Channel(Protocol):
    """What dispatch knows of a kind of channel. One object serves all of its kind, many at a time.

    `at_once` are the attempts of one channel that it makes at the same time, `slow_at_once` those of all channels
    together whose receivers are slow, `waiting` those that wait for others.
    """

    at_once: int
    slow_at_once: int

    @property
    def waiting(self) -> int: ...

    async def send(self, settings: bytes, notice: Notice) -> Attempt:
        """Make one attempt, in bounded time; raises nothing but CancelledError."""
        ...

    async def aclose(self) -> None:
        """Let go of every connection."""
        ...


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Everything that can be sent to, by the kind that a channel's row names."""
    return {
        "webhook": Webhook(settings.private_targets),
        "email": Mail(settings.smtp_url, settings.mail_from, settings.base_url),
        "apprise": Chat(settings.private_targets, settings.base_url),
    }
