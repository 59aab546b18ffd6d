"""What is told about channels themselves: somebody tries one, or one fails."""

from __future__ import annotations

import msgspec

from store.live.channel_event import ChannelTold, FailingEvent, TrialEvent


class ChannelNamed(msgspec.Struct, frozen=True):
    """A channel as it was called then."""

    id: str
    name: str
    type: str


class TrialData(msgspec.Struct, frozen=True):
    """The channel that is tried, which is the one that gets this."""

    channel: ChannelNamed


class FailingData(msgspec.Struct, frozen=True):
    """The channel that fails, and why. `disabled`: its receiver asked never to be called again, and it is not.

    `partial`: the message was told, but not to everybody whom the channel tells.
    """

    channel: ChannelNamed
    reason: str
    disabled: bool
    partial: bool


def trial(event: TrialEvent) -> TrialData:
    return TrialData(_channel(event.told))


def failing(event: FailingEvent) -> FailingData:
    return FailingData(_channel(event.told), event.told.reason, event.told.is_disabled, event.told.is_partial)


def _channel(told: ChannelTold) -> ChannelNamed:
    return ChannelNamed(told.public_id, told.name, told.kind)
