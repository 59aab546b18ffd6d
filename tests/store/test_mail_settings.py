"""Mail is set up by two settings that belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import SettingError
from store.settings import Settings, read_settings


def read(tmp_path: Path, **environ: str) -> Settings:
    return read_settings(
        {f"OVERDUE_{name.upper()}": text for name, text in environ.items()}, tmp_path / "none"
    )


def test_a_server_and_a_sender_are_read_and_the_password_is_not_shown(tmp_path: Path) -> None:
    settings = read(
        tmp_path, smtp_url="smtp://me:s3cret@mail.example.org", mail_from="Overdue <o@example.org>"
    )
    assert settings.smtp_url is not None
    assert (settings.smtp_url.host, settings.smtp_url.password) == ("mail.example.org", "s3cret")
    assert settings.mail_from == "Overdue <o@example.org>"
    assert "s3cret" not in repr(settings)


def test_without_them_there_is_no_mail(tmp_path: Path) -> None:
    assert read(tmp_path).smtp_url is None


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"smtp_url": "smtp://mail.example.org"}, "OVERDUE_MAIL_FROM"),
        ({"smtp_url": "mail.example.org", "mail_from": "o@example.org"}, "OVERDUE_SMTP_URL"),
        ({"mail_from": "nobody"}, "OVERDUE_MAIL_FROM"),
        ({"mail_from": "Overdue <o@example.org>\nBcc: all@example.org"}, "OVERDUE_MAIL_FROM"),
    ],
)
def test_a_bad_one_stops_the_start_with_its_name(tmp_path: Path, environ: dict[str, str], name: str) -> None:
    with pytest.raises(SettingError, match=name):
        read(tmp_path, **environ)
