"""Requests that both paths have to answer alike: name to raw bytes and the number of answers to expect."""

from __future__ import annotations

from collections.abc import Callable

HOST = b"Host: example.org\r\n"
RID = b"123e4567-e89b-42d3-a456-426614174000"
UA = b"User-Agent: worker/1.0 (x; y)\r\nAccept: */*\r\n"


def requests(key: bytes) -> dict[str, tuple[bytes, int]]:
    """Name to raw bytes and the number of answers to expect. HEAD is tested on its own."""
    get = b"GET /ping/" + key + b" HTTP/1.1\r\n" + HOST + UA + b"\r\n"
    other = b"GET /api/v1/nothing HTTP/1.1\r\n" + HOST + b"\r\n"

    def post(body: bytes, *headers: bytes, door: bytes = b"/ping/") -> bytes:
        length = b"Content-Length: %d\r\n" % len(body)
        return b"POST " + door + key + b" HTTP/1.1\r\n" + HOST + b"".join(headers) + length + b"\r\n" + body

    line = b"GET /ping/" + key
    return {
        "get": (get, 1),
        "no user agent": (line + b" HTTP/1.1\r\n" + HOST + b"\r\n", 1),
        "query": (line + b"?a=1&b=%20 HTTP/1.1\r\n" + HOST + b"\r\n", 1),
        "other door": (get.replace(b"/ping/", b"/api/v1/heartbeat/"), 1),
        "post empty": (post(b""), 1),
        "post json": (post(b'{"a": 1}'), 1),
        "post form type": (post(b'{"a": 1}', b"Content-Type: application/x-www-form-urlencoded\r\n"), 1),
        "post bad json": (post(b"nonsense"), 1),
        "post 1024": (post(b'{"a":"' + b"x" * 1016 + b'"}'), 1),
        "post 1025": (post(b'{"a":"' + b"x" * 1017 + b'"}'), 1),
        "post any at the other door": (post(b"\xff" * 5000, door=b"/api/v1/heartbeat/"), 1),
        "post large at the other door": (post(b"\xff" * 50_000, door=b"/api/v1/heartbeat/"), 1),
        "chunked": (
            b"POST /ping/"
            + key
            + b" HTTP/1.1\r\n"
            + HOST
            + b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n0\r\n\r\n',
            1,
        ),
        "unknown key": (get.replace(key, b"0" * 22), 1),
        "short key": (get.replace(key, b"abc"), 1),
        "key with a slash": (get.replace(key, key + b"/"), 1),
        "percent in the key": (get.replace(key, b"%41" + key), 1),
        "put": (get.replace(b"GET", b"PUT"), 1),
        "delete": (get.replace(b"GET", b"DELETE"), 1),
        "http/1.0": (get.replace(b"HTTP/1.1", b"HTTP/1.0"), 1),
        "connection close": (get.replace(UA, UA + b"Connection: close\r\n"), 1),
        "connection keep-alive": (get.replace(UA, UA + b"Connection: Keep-Alive\r\n"), 1),
        "no host": (line + b" HTTP/1.1\r\n\r\n", 1),
        "odd header": (line + b" HTTP/1.1\r\n" + HOST + b"X-Empty:\r\nX-Tab:\ta \t\r\n\r\n", 1),
        "two content lengths": (
            b"POST /ping/"
            + key
            + b" HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            1,
        ),
        "content length and chunked": (
            b"POST /ping/"
            + key
            + b" HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            1,
        ),
        "bad content length": (
            b"POST /ping/" + key + b" HTTP/1.1\r\n" + HOST + b"Content-Length: +2\r\n\r\n{}",
            1,
        ),
        "space before colon": (line + b" HTTP/1.1\r\nHost : x\r\n\r\n", 1),
        "folded header": (line + b" HTTP/1.1\r\n" + HOST + b"X-A: b\r\n c\r\n\r\n", 1),
        "bare newlines": (line + b" HTTP/1.1\nHost: x\n\n", 1),
        "nul in a header": (line + b" HTTP/1.1\r\n" + HOST + b"X-A: \x00\r\n\r\n", 1),
        "absolute form": (b"GET http://example.org/ping/" + key + b" HTTP/1.1\r\n" + HOST + b"\r\n", 1),
        "forwarded": (get.replace(UA, UA + b"X-Forwarded-For: 203.0.113.7\r\n"), 1),
        "leading newline": (b"\r\n" + get, 1),
        "three pings": (get * 3, 3),
        "pings and others mixed": (get + other + get + other + other + get, 6),
        "posts pipelined": (post(b'{"a": 1}') + post(b"nonsense") + post(b"") + get, 4),
        "unknown keys pipelined": (get.replace(key, b"0" * 22) * 60, 60),
        "ping then chunked then ping": (
            get
            + b"POST /ping/"
            + key
            + b" HTTP/1.1\r\n"
            + HOST
            + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
            + get,
            3,
        ),
        "nonsense": (b"nonsense\r\n\r\n", 1),
        **_with_signals(get, post),
        **_learned_from_uvicorn(get, other, post),
    }


def _with_signals(get: bytes, post: Callable[..., bytes]) -> dict[str, tuple[bytes, int]]:
    """What stands behind the key, and in the query."""

    def said(request: bytes, behind: bytes) -> bytes:
        return request.replace(b" HTTP/1.1", behind + b" HTTP/1.1", 1)

    end = b"/3?duration_ms=12300&rid=" + RID
    return {
        "start": (said(get, b"/start?rid=" + RID), 1),
        "fail at the other door": (said(get, b"/fail").replace(b"/ping/", b"/api/v1/heartbeat/"), 1),
        "log": (said(post(b"a line"), b"/log"), 1),
        "exit code and output": (said(post(b"\xff no text\n" * 500), end), 1),
        "exit code and figures": (said(post(b'{"a": 1}'), b"/0"), 1),
        "output of 10241": (said(post(b"x" * 10_241), b"/0"), 1),
        "chunked output": (
            said(post(b""), end).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
            + b"2\r\n{}\r\n0\r\n\r\n",
            1,
        ),
        "run of a plain ping": (said(get, b"?x=1&rid=" + RID.upper()), 1),
        "bad run": (said(get, b"?rid=7"), 1),
        "bad run of a failure": (said(get, b"/fail?rid=7"), 1),
        "bad run and bad json": (said(post(b"nonsense"), b"?rid="), 1),
        "two runs": (said(get, b"/start?rid=" + RID + b"&rid=" + RID), 1),
        "bad duration": (said(get, b"/0?duration_ms=1.5"), 1),
        "too long a duration": (said(get, b"?duration_ms=99999999999999"), 1),
        "exit code 256": (said(get, b"/256"), 1),
        "exit code 007": (said(get, b"/007"), 1),
        "no such signal": (said(get, b"/stop"), 1),
        "no signal behind the slash": (said(get, b"/"), 1),
        "something behind a signal": (said(get, b"/start/"), 1),
        "escaped signal": (said(get, b"/%73tart"), 1),
        "signals pipelined": (said(get, b"/start") * 2 + get + said(get, b"/1"), 4),
    }


def _learned_from_uvicorn(
    get: bytes, other: bytes, post: Callable[..., bytes]
) -> dict[str, tuple[bytes, int]]:
    """What uvicorn's own tests of its protocols ask, at a ping door where that makes a difference."""
    close = b"Connection: close\r\n"
    upgrade = b"Connection: upgrade\r\nUpgrade: %b\r\nSec-WebSocket-Version: 11\r\n"
    chunked = post(b"").replace(b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n")
    return {
        "close, then another": (get.replace(UA, UA + close) + get, 1),
        "post and close": (post(b'{"a": 1}', close), 1),
        "bad post and close": (post(b"nonsense", close), 1),
        "another, then close": (get + get.replace(UA, close), 2),
        "http/1.0 keep-alive": (get.replace(b"1.1", b"1.0").replace(UA, b"Connection: keep-alive\r\n"), 1),
        "escaped path": (get.replace(b"/ping/", b"/%70ing%2F"), 1),
        "upgrade to websocket": (get.replace(UA, upgrade % b"websocket"), 1),
        "upgrade to http/2": (get.replace(UA, upgrade % b"h2c"), 1),
        "upgrade, then a ping": (get.replace(UA, upgrade % b"websocket") + get, 2),
        "connect, then a ping": (get.replace(b"GET", b"CONNECT") + get, 2),
        "expect": (post(b'{"a": 1}', b"Expect: 100-continue\r\n"), 2),
        "expect what cannot be": (post(b'{"a": 1}', b"Expect: more\r\n"), 1),
        "expect without a body": (get.replace(UA, b"Expect: 100-continue\r\n"), 1),
        "post 100000": (post(b"x" * 100_000), 1),
        "nothing but letters": (b"x" * 100_000, 1),
        "no such method": (get.replace(b"GET", b"G?T"), 1),
        "a space in the path": (get.replace(b" HTTP", b"?x=y z HTTP"), 1),
        "no such version": (get.replace(b"HTTP/1.1", b"HTTP1.1"), 1),
        "proxy connection": (get.replace(UA, b"Proxy-Connection: close\r\n"), 1),
        "chunk extension": (chunked + b'8;a=b\r\n{"a": 1}\r\n0\r\n\r\n', 1),
        "bad chunk": (chunked + b"zz\r\n", 1),
        "chunked and a trailer": (chunked + b'8\r\n{"a": 1}\r\n0\r\nX-A: b\r\n\r\n' + get, 2),
        "chunk after chunk, bad, behind a ping": (get + chunked + b"2\r\n{}\r\nzz\r\n", 2),
        "nonsense behind another": (other + b"nonsense\r\n\r\n", 2),
        "forwarded twice": (
            get.replace(UA, b"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 127.0.0.1\r\n"),
            1,
        ),
    }
