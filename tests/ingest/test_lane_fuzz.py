"""Whatever bytes come, and however they are cut: the express lane answers and records what the plain path does.

The plain path reads with a full HTTP parser, so it is the judge of where one request ends and the next begins: a second
request smuggled into the first would show as another answer or another row.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingest.twins import KEYS, Twins, twins

KEY, OTHER = (key.encode() for key in KEYS)
TARGETS = (
    b"/ping/" + KEY,
    b"/ping/" + OTHER,
    b"/api/v1/heartbeat/" + KEY,
    b"/ping/" + KEY + b"?run=1&x=%20",
    b"/ping/" + KEY + b"?",
    b"/ping/unknown-key",
    b"/ping/" + KEY + b"/",
    b"/ping/" + KEY + b"/start",
    b"/ping/" + KEY + b"/fail?duration_ms=5",
    b"/ping/" + KEY + b"/7?rid=123e4567-e89b-42d3-a456-426614174000",
    b"/ping/" + KEY + b"?rid=x",
    b"/ping/" + KEY + b"/300",
    b"/api/v1/heartbeat/" + OTHER + b"/log",
    b"//ping/" + KEY,
    b"/ping/" + KEY + b"#f",
    b"/ping/" + KEY + b"?a#f",
    b"/PING/" + KEY,
    b"/%70ing/" + KEY,
    b"http://example.org/ping/" + KEY,
    b"*",
    b"/nothing",
)
METHODS = (b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"get", b"G?T", b"CONNECT", b"")
VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP1.1", b"", b"HTTP/1.1 ")
HEADERS = (
    b"Host: example.org",
    b"User-Agent: worker/1.0",
    b"Accept: */*",
    b"Content-Length: 0",
    b"Content-Length: 2",
    b"Content-Length: 8",
    b"Content-Length: 08",
    b"Content-Length: +2",
    b"Content-Length: -2",
    b"Content-Length: 2, 2",
    b"Content-Length: 0x2",
    b"Content-Length: ",
    b"Content-Length: 99999999999999999999",
    b"Content-Length : 2",
    b"Content_Length: 2",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding : chunked",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: Keep-Alive, close",
    b"Connection: upgrade",
    b"Proxy-Connection: close",
    b"Keep-Alive: timeout=5",
    b"Upgrade: websocket",
    b"Expect: 100-continue",
    b"Expect: something",
    b"X-Forwarded-For: 203.0.113.7",
    b"X-Forwarded-For: 203.0.113.7, 127.0.0.1",
    b"X-Forwarded-For:",
    b"X-Forwarded-Proto: https",
    b"Content-Type: application/json",
    b"Content-Encoding: gzip",
    b"X-Empty:",
    b"X-Tab:\ta\tb\t",
    b"X-High: \xff\x80",
    b"X-Nul: \x00",
    b"X-Return: a\rb",
    b" folded",
    b"\tfolded",
    b": nameless",
    b"no colon",
    b"X y: z",
)
BODIES = (
    b"",
    b"{}",
    b'{"a": 1}',
    b"nonsense",
    b"2\r\n{}\r\n0\r\n\r\n",
    b"2;ext=1\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
    b"2\n{}\n0\n\n",
    b"0\r\n\r\n",
    b"zz\r\n",
    b"GET /ping/" + OTHER + b" HTTP/1.1\r\nHost: a\r\n\r\n",
)
ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n")
PLAIN_HEADERS = (
    (),
    (b"User-Agent: worker/1.0", b"Accept: */*"),
    (b"Connection: close",),
    (b"X-Forwarded-For: 203.0.113.7",),
    (b"Content-Length: 2",),
    (b"Content-Length: 8", b"Content-Type: application/json"),
)
BODY_OF = {b"Content-Length: 2": b"{}", b"Content-Length: 8": b'{"a": 1}'}


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request that is right in most places and odd in some."""
    line = b" ".join((draw(_mostly(METHODS)), draw(_mostly(TARGETS)), draw(_mostly(VERSIONS))))
    headers = list(draw(st.sampled_from(PLAIN_HEADERS)))
    odd = draw(st.sampled_from((0, 0, 0, 1, 2)))
    headers += draw(st.lists(st.sampled_from(HEADERS), min_size=odd, max_size=odd))
    host = draw(_mostly((b"Host: example.org", b"X: y")))
    body = next((BODY_OF[header] for header in headers if header in BODY_OF), b"")
    end = draw(_mostly(ENDS))
    head = end.join((line, host, *headers, b"")) + draw(_mostly((end, b"\r\n")))
    return head + draw(_mostly((body, *BODIES)))


def _mostly(choices: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """The first choice nine times in ten or so."""
    return st.sampled_from((choices[0],) * len(choices) * 9 + choices)


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Up to four requests behind one another, some of them the same but for the key, cut at some places, as well as
    between two requests in half of the cases; now and then a byte is replaced.

    The last piece ends a head that is not at its end, as the lane looks at a head when it is whole.
    """
    several = draw(st.lists(requests(), min_size=1, max_size=3))
    several += [several[0].replace(KEY, OTHER), several[0]][: draw(st.integers(0, 2))]
    raw = bytearray(b"".join(several))
    for _ in range(draw(st.sampled_from((0, 0, 0, 0, 0, 1, 2)))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    cuts = draw(st.sets(st.integers(1, len(raw) - 1), max_size=4))
    if draw(st.booleans()):
        cuts |= set(itertools.accumulate(map(len, several[:-1])))
    pieces = itertools.pairwise([0, *sorted(cuts), len(raw)])
    return [bytes(raw[a:b]) for a, b in pieces] + [b"\r\n\r\n"]


@pytest.fixture(name="pair")
async def _pair(tmp_path: Path) -> AsyncIterator[Twins]:
    async with twins(tmp_path) as pair:
        yield pair


async def agree(pair: Twins, pieces: list[bytes]) -> None:
    for hurried in (False, True):
        on_lane, on_plain = await pair.on_lane(pieces, hurried), await pair.on_plain(pieces, hurried)
        assert on_lane == on_plain, "hurried" if hurried else "in peace"


GET = b"GET /ping/" + KEY + b" HTTP/1.1\r\nHost: example.org\r\n\r\n"
POST = b"POST /ping/" + KEY + b" HTTP/1.1\r\nHost: example.org\r\n%b\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [GET, POST % b"Transfer-Encoding: chunked\r\n" + b"%x\r\n" % len(GET), GET, b"\r\n0\r\n\r\n", GET],
        [GET, POST % b"Content-Length: 2000\r\n", GET, b"x" * (2000 - len(GET)), GET],
        [GET, POST % b"Content-Length: %d\r\n" % len(GET), GET, GET],
        [GET, POST % b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", GET, GET],
        [GET, b"GET /livez HTTP/1.1\r\nX-A: b\r\n", GET, GET],
    ],
)
async def test_a_ping_inside_another_request_is_no_ping(pair: Twins, pieces: list[bytes]) -> None:
    await agree(pair, pieces)


async def test_the_same_request_with_another_key_is_that_keys_ping(pair: Twins) -> None:
    pieces = [
        GET,
        GET.replace(KEY, OTHER),
        GET.replace(KEY, b"unknown-key"),
        GET.replace(KEY, KEY + b"\xff"),
        GET,
    ]
    await agree(pair, pieces)
    said = await pair.on_lane([*pieces[:2], GET.replace(b"GET", b"HEAD"), GET])
    assert [monitor_id for monitor_id, _ in said.recorded] == [1, 2, 1, 1]


_fixture = HealthCheck.function_scoped_fixture


@settings(max_examples=150, deadline=None, suppress_health_check=[_fixture])
@given(pieces=streams())
async def test_both_paths_agree_on_any_bytes(pair: Twins, pieces: list[bytes]) -> None:
    await agree(pair, pieces)


@pytest.mark.slow
@settings(max_examples=5_000, deadline=None, suppress_health_check=[_fixture])
@given(pieces=streams())
async def test_both_paths_agree_on_very_many_bytes(pair: Twins, pieces: list[bytes]) -> None:
    await agree(pair, pieces)
