"""Mail, handed to a real SMTP server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from store.last_ping import LastPing, Noted
from store.live.packing import EventKind
from store.mail_server import MailServer, read_mail_server
from store.messages.message import notice_of
from store.messages.notice import Notice
from sweeper.channels.attempt import Attempt
from sweeper.channels.mail import Mail
from tests.store.messages.test_message import DOWN, UP
from tests.store.messages.test_metric_message import EVENT as BREACHED
from tests.sweeper.channels.receivers import hanging, receiving
from tests.system.house import free_port

SENDER = "Overdue <overdue@example.org>"
TO = ("ops@example.org", "night@example.org")


class Postbox:
    """What the server took; `refusal` is what it says instead of taking a mail."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.refusal = ""
        self.seen: list[str] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        if self.refusal:
            return self.refusal
        self.taken.append(envelope)
        return "250 taken"

    def mail(self) -> EmailMessage:
        (envelope,) = self.taken
        return message_from_bytes(envelope.content, policy=policy.default)


class Host(Controller):
    """A server that knows one user."""

    def __init__(self, postbox: Postbox) -> None:
        def judge(server: object, session: object, envelope: object, mechanism: str, data: Any) -> AuthResult:
            postbox.seen.append(data.login.decode())
            return AuthResult(success=data.password == b"right", handled=False)

        super().__init__(
            postbox,
            hostname="127.0.0.1",
            port=free_port(),
            authenticator=judge,
            auth_require_tls=False,
            auth_required=False,
        )


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def server(postbox: Postbox) -> Iterator[MailServer]:
    host = Host(postbox)
    host.start()
    yield MailServer(host="127.0.0.1", port=host.port, user="", password="", tls="never")
    host.stop()


async def send(server: MailServer | None, notice: Notice | None = None, timeout_s: float = 5.0) -> Attempt:
    channel = Mail(server, SENDER, "https://overdue.example.org", attempt_timeout_s=timeout_s)
    return await channel.send(msgspec.json.encode({"to": TO}), notice or notice_of(DOWN))


async def test_a_mail_arrives_as_text_and_html(server: MailServer, postbox: Postbox) -> None:
    attempt = await send(server)
    assert (attempt.outcome, attempt.status) == ("delivered", 250)
    assert postbox.taken[0].mail_from == "overdue@example.org"
    assert tuple(postbox.taken[0].rcpt_tos) == TO
    mail = postbox.mail()
    assert mail["subject"] == "Nächtliche Sicherung is down"
    assert mail["from"] == SENDER
    assert mail["auto-submitted"] == "auto-generated"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "has been silent for longer than it may" in text.get_content()
    assert "<h2>Nächtliche Sicherung is down</h2>" in html.get_content()


async def test_what_a_job_said_arrives_as_it_was_said_and_is_no_html(
    server: MailServer, postbox: Postbox
) -> None:
    ping = LastPing(DOWN.seen_ms, "10.0.0.5", "curl", message="</pre><script>alert(1)</script>\n.\nfull")
    await send(server, notice_of(DOWN, Noted(ping)))
    text, html = postbox.mail().get_body(("plain",)), postbox.mail().get_body(("html",))
    assert text is not None
    assert html is not None
    assert "> </pre><script>alert(1)</script>\n> .\n> full\n" in text.get_content().replace("\r\n", "\n")
    assert "&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;\n.\nfull</pre>" in html.get_content().replace(
        "\r\n", "\n"
    )
    assert "<script>" not in html.get_content()


async def test_a_repeat_carries_the_same_id(server: MailServer, postbox: Postbox) -> None:
    await send(server)
    await send(server)
    first, second = (message_from_bytes(one.content) for one in postbox.taken)
    assert first["message-id"] == second["message-id"] == f"<{notice_of(DOWN).event_id}@example.org>"


async def test_what_is_told_of_an_incident_is_one_conversation(server: MailServer, postbox: Postbox) -> None:
    reminder = msgspec.structs.replace(DOWN, kind=EventKind.REMINDER, at_ms=DOWN.at_ms + 60_000)
    for event in (DOWN, reminder, UP, BREACHED):
        await send(server, notice_of(event))
    down, *later, breached = (message_from_bytes(one.content) for one in postbox.taken)
    assert [one["in-reply-to"] for one in later] == [down["message-id"]] * 2
    assert [one["references"] for one in later] == [down["message-id"]] * 2
    assert (down["references"], breached["references"]) == (None, None)


async def test_a_name_cannot_add_headers(server: MailServer, postbox: Postbox) -> None:
    await send(server, notice_of(msgspec.structs.replace(DOWN, name="x\r\nBcc: all@example.org")))
    assert postbox.mail()["bcc"] is None
    assert postbox.mail()["subject"] == "x Bcc: all@example.org is down"


async def test_user_and_password_are_used_and_a_wrong_one_is_told_without_it(
    server: MailServer, postbox: Postbox
) -> None:
    known = msgspec.structs.replace(server, user="overdue", password="right")
    assert (await send(known)).outcome == "delivered"
    assert postbox.seen[-1] == "overdue"
    wrong = await send(msgspec.structs.replace(known, password="a-wrong-secret"))
    assert wrong.outcome == "retry"
    assert wrong.reason == "the mail server did not accept our user and password"


@pytest.mark.parametrize("refusal", ["451 later", "554 never"])
async def test_what_the_server_refuses_is_tried_again(
    server: MailServer, postbox: Postbox, refusal: str
) -> None:
    postbox.refusal = refusal
    attempt = await send(server)
    assert (attempt.outcome, attempt.status) == ("retry", int(refusal[:3]))
    assert attempt.reason == f"the mail server answered {refusal[:3]}"


async def test_without_a_server_the_setting_is_named() -> None:
    assert (await send(None)).reason == "this installation has no mail server (OVERDUE_SMTP_URL)"


async def test_a_server_that_offers_no_tls_gets_no_mail_where_it_is_required(
    server: MailServer, postbox: Postbox
) -> None:
    attempt = await send(msgspec.structs.replace(server, tls="required"))
    assert attempt.outcome == "retry"
    assert postbox.taken == []


async def test_a_server_that_says_nothing_is_waited_for_in_bounded_time() -> None:
    async with receiving(hanging) as silent:
        mute = MailServer(host="127.0.0.1", port=silent.port, user="", password="", tls="never")
        attempt = await send(mute, timeout_s=0.3)
    assert (attempt.outcome, attempt.reason) == ("retry", "the mail server did not answer in time")
    assert attempt.duration_ms < 2000


async def test_nobody_there_is_told() -> None:
    nobody = MailServer(host="127.0.0.1", port=1, user="", password="", tls="never")
    assert (await send(nobody)).reason == "the mail server cannot be reached"


async def test_settings_that_cannot_be_read_are_told(server: MailServer) -> None:
    attempt = await Mail(server, SENDER, "").send(b"{", notice_of(DOWN))
    assert attempt.reason == "the settings of the channel cannot be read"


def test_an_address_of_a_server_is_read_with_its_defaults() -> None:
    assert read_mail_server("") is None
    assert read_mail_server("smtp://a%40b:p%3Aw@mail.example.org") == MailServer(
        host="mail.example.org", port=587, user="a@b", password="p:w", tls="required"
    )
    assert read_mail_server("smtps://mail.example.org") == MailServer(
        host="mail.example.org", port=465, user="", password="", tls="wrapped"
    )
    assert read_mail_server("smtp://localhost:25?tls=never") == MailServer(
        host="localhost", port=25, user="", password="", tls="never"
    )


@pytest.mark.parametrize(
    "text",
    [
        "mail.example.org",
        "http://x",
        "smtp://",
        "smtp://x:99999",
        "smtp://x?tls=maybe",
        "smtp://u:secret@x?a=b",
    ],
)
def test_a_bad_address_of_a_server_is_refused_and_its_password_not_said(text: str) -> None:
    with pytest.raises(ValueError) as refusal:
        read_mail_server(text)
    assert "secret" not in str(refusal.value)
