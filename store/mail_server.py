"""The SMTP server by which this installation sends mail, as two settings describe it."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

Tls = Literal["wrapped", "required", "offered", "never"]

DEFAULT_PORTS = {"smtp": 587, "smtps": 465}
_ADDRESS = re.compile(r"[^@\s<>,;\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,253}")


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is handed in. `wrapped`: TLS from the first byte; else whether STARTTLS is asked for."""

    host: str
    port: int
    user: str
    password: str
    tls: Tls

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"


def read_mail_server(text: str) -> MailServer | None:
    """`smtp://user:password@host:587?tls=required`, or `smtps://`; None for an empty text.

    Over `smtp://`, STARTTLS is required unless `?tls=offered` or `?tls=never` says otherwise.

    Raises:
        ValueError: it is no such address; the message says what is wrong, and shows no password.
    """
    if not text:
        return None
    parts = urlsplit(text)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the port is not a number from 1 to 65535") from None
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise ValueError("it has to look like smtp://user:password@host:587 or smtps://user:password@host")
    asked = dict(parse_qsl(parts.query))
    tls = asked.pop("tls", "required") if parts.scheme == "smtp" else "wrapped"
    if asked or tls not in {"wrapped", "required", "offered", "never"}:
        raise ValueError("after the host there may only be ?tls=required, ?tls=offered or ?tls=never")
    return MailServer(
        host=host,
        port=port or DEFAULT_PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        tls=tls,  # type: ignore[arg-type]
    )


def read_sender(text: str) -> str:
    """`overdue@example.org`, or `Overdue <overdue@example.org>`; empty for an empty text.

    Raises:
        ValueError: there is no address in it.
    """
    sender = text.strip()
    if sender and (not sender.isprintable() or not is_mail_address(parseaddr(sender)[1])):
        raise ValueError(f"{text!r} is not a sender such as Overdue <overdue@example.org>")
    return sender


def is_mail_address(text: str) -> bool:
    """Whether this looks like `name@example.org`; whether somebody reads it only a mail can tell."""
    return _ADDRESS.fullmatch(text) is not None and text.isascii()
