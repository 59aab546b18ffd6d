"""What is kept of a channel besides its name, as JSON of its own kind: the API writes it, dispatch reads it."""

from __future__ import annotations

import msgspec


class FormerSecret(msgspec.Struct, frozen=True, omit_defaults=True):
    """A signing secret that was replaced; calls are signed with it too until then."""

    secret: str
    until_ms: int


class WebhookSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a webhook is sent, what signs it, and headers of the user's own (names in lower case)."""

    url: str
    secret: str
    headers: dict[str, str] = {}
    former: FormerSecret | None = None

    def __repr__(self) -> str:
        return "WebhookSettings(***)"


class EmailSettings(msgspec.Struct, frozen=True):
    """To whom mail is sent."""

    to: tuple[str, ...]

    def __repr__(self) -> str:
        return "EmailSettings(***)"


class AppriseSettings(msgspec.Struct, frozen=True):
    """The address of a chat service, which is a secret as a whole."""

    url: str

    def __repr__(self) -> str:
        return "AppriseSettings(***)"
