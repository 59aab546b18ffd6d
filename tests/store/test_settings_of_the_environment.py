"""Settings that are refused, and variables that look like settings and are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.settings import read_settings
from store.unknown_settings import unknown_variables


def test_a_mistyped_setting_is_named_with_the_one_that_was_meant_and_without_its_value() -> None:
    environ = {
        "OVERDUE_SMTP_UR": "smtp://me:s3cret@mail.example.org",
        "OVERDUE_QQQQQQQQ": "1",
        "OVERDUE_PORT": "8000",
        "OVERDUE_PING_URL": "https://example.org/ping/x",
        "OVERDUE_TEST_SEED": "7",
        "PATH": "/bin",
    }
    assert list(unknown_variables(environ)) == [
        "OVERDUE_QQQQQQQQ is no setting and changes nothing",
        "OVERDUE_SMTP_UR is no setting and changes nothing; did you mean OVERDUE_SMTP_URL?",
    ]


@pytest.mark.parametrize(
    "base_url",
    ["https://example.org", "https://example.org/", "http://[::1]:8000//", "https://example.org/x/"],
)
def test_a_base_url_is_taken_without_the_slash_at_its_end(tmp_path: Path, base_url: str) -> None:
    settings = read_settings({"OVERDUE_BASE_URL": base_url}, tmp_path / "none")
    assert settings.base_url == base_url.rstrip("/")
