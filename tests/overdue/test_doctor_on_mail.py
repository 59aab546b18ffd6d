"""`doctor` on mail: whether its server can be spoken to, and whether there is one where somebody needs it."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from store.book import channels, orgs
from store.book.bootstrap import prepare
from store.book.channels import NewChannel
from store.book.database import CONFIG_DB, ConfigBook
from store.mail_server import read_mail_server
from sweeper.channels.mail_greeting import greet
from tests.overdue.test_doctor import report
from tests.store.book.cast import settings_of
from tests.sweeper.channels.test_mail import Host, Postbox
from tests.system.house import free_port

SENDER = {"OVERDUE_MAIL_FROM": "overdue@example.org"}


def test_a_mail_server_that_answers_is_well_and_gets_no_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postbox = Postbox()
    host = Host(postbox)
    host.start()
    try:
        url = f"smtp://me:wrong@127.0.0.1:{host.port}?tls=never"
        _, found = report(monkeypatch, tmp_path, free_port(), OVERDUE_SMTP_URL=url, **SENDER)
        _, strict = report(monkeypatch, tmp_path, free_port(), OVERDUE_SMTP_URL=url.partition("?")[0])
    finally:
        host.stop()
    assert found["mail"].startswith(f"ok 127.0.0.1:{host.port} answers")
    assert strict["mail"].startswith(f"BAD the mail server 127.0.0.1:{host.port} cannot be spoken to: ")
    assert (postbox.taken, postbox.seen) == ([], [])


def test_one_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    _, found = report(
        monkeypatch, tmp_path, free_port(), OVERDUE_SMTP_URL=f"smtp://127.0.0.1:{port}", **SENDER
    )
    assert found["mail"].startswith(f"BAD the mail server 127.0.0.1:{port} cannot be spoken to: ")


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = read_mail_server(f"smtp://127.0.0.1:{silent.getsockname()[1]}")
        assert where is not None
        assert asyncio.run(greet(where, 0.2)) == "does not answer within 0.2 s"


def test_a_channel_that_needs_mail_where_there_is_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(prepare(settings_of(tmp_path)))
    _, before = report(monkeypatch, tmp_path, free_port())
    asyncio.run(_add_mail_channel(tmp_path))
    code, found = report(monkeypatch, tmp_path, free_port())
    assert "mail" not in before
    assert (code, found["mail"]) == (1, "BAD 1 channel tells by mail, and OVERDUE_SMTP_URL is not set")


async def _add_mail_channel(data: Path) -> None:
    async with await ConfigBook.open(data / CONFIG_DB) as book:
        org = await orgs.by_name(book, orgs.DEFAULT_ORG)
        new = NewChannel(org_id=org.id, type="email", name="mail", settings=b'{"to": ["ops@example.org"]}')
        await channels.create(book, new, 0)
