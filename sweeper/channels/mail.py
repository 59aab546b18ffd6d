"""The mail channel: a message to a few addresses, handed to the installation's own SMTP server.

The server answers for each address. Who has the mail does not get it again when it is tried again for the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import aiosmtplib
import msgspec

from store.channel_settings import EmailSettings
from store.clock import monotonic_ms, wall_ms
from store.errors import Invalid
from store.mail_server import MailServer
from store.messages.message import beginning_of
from store.messages.notice import Notice
from store.messages.wording import Words, words_of
from sweeper.channels.attempt import ATTEMPTS_PER_CHANNEL, Attempt, Outcome
from sweeper.channels.places import Places
from sweeper.channels.recipients import TAKEN, judged, still_to_tell

# All are for one server, and servers bound the connections of a client (Postfix: 50); slow ones may be as many again.
AT_ONCE = 24
_START_TLS = {"wrapped": False, "required": True, "offered": None, "never": False}
# The first row that fits an error wins. The words are ours: a server's own may quote addresses.
_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (aiosmtplib.SMTPAuthenticationError, "the mail server did not accept our user and password"),
    (aiosmtplib.SMTPSenderRefused, "the mail server refused our address (OVERDUE_MAIL_FROM)"),
    (aiosmtplib.SMTPConnectTimeoutError, "the mail server did not answer in time"),
    (aiosmtplib.SMTPConnectError, "the mail server cannot be reached"),
    (aiosmtplib.SMTPServerDisconnected, "the mail server hung up"),
    (aiosmtplib.SMTPTimeoutError, "the mail server did not answer in time"),
    (TimeoutError, "the mail server did not answer in time"),
)


class Mail:
    """Sends notices as mail. `server` is None where the installation has none; `base_url` may be empty."""

    at_once = ATTEMPTS_PER_CHANNEL
    slow_at_once = 12

    def __init__(
        self, server: MailServer | None, sender: str, base_url: str, *, attempt_timeout_s: float = 10.0
    ) -> None:
        self._server = server
        self._sender = sender
        self._base_url = base_url
        self._attempt_timeout_s = attempt_timeout_s
        self._places = Places(AT_ONCE, self.at_once)

    @property
    def waiting(self) -> int:
        return self._places.waiting

    async def send(self, settings: bytes, notice: Notice) -> Attempt:
        """Make one attempt. Whatever happens becomes an Attempt; only a cancellation is raised."""
        async with self._places.one_for(settings):
            return await self._attempt(settings, notice)

    async def _attempt(self, settings: bytes, notice: Notice) -> Attempt:
        started_ms = monotonic_ms()
        try:
            to = _read(settings).to
            asked = still_to_tell(to, notice.answers)
            async with asyncio.timeout(self._attempt_timeout_s):
                refused = await self._hand_in(to, asked, notice) if asked else {}
        except Exception as error:  # the promise to dispatch: one bad server never ends its loop
            duration_ms = monotonic_ms() - started_ms
            have_some = any(code == TAKEN for _, code in notice.answers)
            outcome: Outcome = "partly" if have_some else "retry"
            return Attempt(outcome, _status(error), None, _why(error), duration_ms, notice.answers)
        codes = {address: refused.get(address, TAKEN) for address in asked}
        return judged(to, notice.answers, codes, monotonic_ms() - started_ms)

    async def aclose(self) -> None:
        """Nothing is kept open between two mails."""

    async def _hand_in(self, to: tuple[str, ...], asked: Sequence[str], notice: Notice) -> Mapping[str, int]:
        """Mail to those who are asked for; answers whom the server refused, and how."""
        server = self._server
        if server is None:
            raise Invalid("this installation has no mail server (OVERDUE_SMTP_URL)")
        message = compose(self._sender, to, notice, words_of(notice.body, self._base_url))
        try:
            refused, _ = await aiosmtplib.send(
                message,
                sender=parseaddr(self._sender)[1],
                recipients=list(asked),
                hostname=server.host,
                port=server.port,
                username=server.user or None,
                password=server.password or None,
                use_tls=server.tls == "wrapped",
                start_tls=_START_TLS[server.tls],
                timeout=self._attempt_timeout_s,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return {one.recipient: one.code for one in error.recipients}
        return {address: answer.code for address, answer in refused.items()}


def compose(sender: str, to: tuple[str, ...], notice: Notice, words: Words) -> EmailMessage:
    """The mail, as text and HTML. Its id derives from the event, so that mail programs know a repeat.

    What is told of an incident later on refers to its beginning, so that they show it as one conversation.
    """
    domain = parseaddr(sender)[1].rpartition("@")[2]
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Subject"] = words.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(wall_ms() / 1000, UTC))
    message["Message-ID"] = f"<{notice.event_id}@{domain}>"
    beginning = beginning_of(notice.body)
    if beginning is not None:
        message["In-Reply-To"] = message["References"] = f"<{beginning}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words.text)
    message.add_alternative(words.html, subtype="html")
    return message


def _read(settings: bytes) -> EmailSettings:
    try:
        return msgspec.json.decode(settings, type=EmailSettings)
    except msgspec.DecodeError:
        raise Invalid("the settings of the channel cannot be read") from None


def _status(error: Exception) -> int | None:
    return error.code if isinstance(error, aiosmtplib.SMTPResponseException) else None


def _why(error: Exception) -> str:
    if isinstance(error, Invalid):
        return str(error)
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return sentence
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"the mail server answered {error.code}"
    return f"the attempt failed unexpectedly ({type(error).__name__})"
