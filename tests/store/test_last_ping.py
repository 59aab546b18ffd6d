"""What a job has sent is shown as text, and not more of it than is worth reading."""

from __future__ import annotations

import pytest

from store.last_ping import MOST_CHARACTERS, MOST_LINES, short_name, tail_of


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", ("", False)),
        (b"all well", ("all well", False)),
        (b"\r\none\r\ntwo\r\n\n", ("one\ntwo", False)),
        (b"  indented\n\ttoo\n", ("indented\n\ttoo", False)),
        ("grün".encode(), ("grün", False)),
        (b"\xff\xfe", ("\ufffd\ufffd", False)),
        (b"red \x1b[31m text\x00", ("red \ufffd[31m text\ufffd", False)),
        ("turned \u202earound".encode(), ("turned \ufffdaround", False)),
    ],
)
def test_a_body_is_shown_as_text_without_what_terminals_obey(body: bytes, shown: tuple[str, bool]) -> None:
    assert tail_of(body) == shown


def test_of_a_long_output_the_end_is_shown() -> None:
    lines = [f"line {number}" for number in range(100)]
    text, is_cut = tail_of("\n".join(lines).encode())
    assert (text.split("\n"), is_cut) == (lines[-MOST_LINES:], True)


def test_of_a_long_line_the_end_is_shown() -> None:
    text, is_cut = tail_of(("a" * 5000 + "ü" * 10).encode())
    assert (len(text), text[-11:], is_cut) == (MOST_CHARACTERS, "a" + "ü" * 10, True)


def test_what_a_sender_calls_itself_is_one_short_line() -> None:
    assert short_name("curl/8\r\nBcc: x\x1b" + "y" * 500) == ("curl/8 Bcc: x " + "y" * 500)[:200]
