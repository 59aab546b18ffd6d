"""`ETag`, `If-Match` and `If-None-Match` of single things: no change is lost because two people made one.

A tag has two parts: `"<configuration>-<reply>"`. The second changes with any byte of the reply, also with what the
world does to it (a ping, a status), so that the whole is a strong tag and a 304 is right. `If-Match` compares the
first alone, as nobody who changes a name means to wait until there are no pings.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import update_wrapper
from hashlib import sha256

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.operation import Addition, Handler
from store.book.database import ConfigBook, Transaction
from store.book.joined import SteppedBook
from store.errors import Invalid, Outdated

_LENGTH = 20
_TAGS = re.compile(r"\s*((W/)?\"[\x21\x23-\x7e]*\"\s*(,\s*|$))+", re.ASCII)
_TAG = re.compile(r"(W/)?\"([\x21\x23-\x7e]*)\"", re.ASCII)

Source = ConfigBook | Transaction
# What was asked for of the thing in the path, as JSON can say it.
Configured = Callable[[Call, Source], Awaitable[object]]


TAG_OF_REPLY = {"ETag": "Changes with the reply."}
_SHOWN = Addition(
    headers={"If-None-Match": "The `ETag` of what you have."},
    reply_headers=TAG_OF_REPLY,
    refusals={304: "It is what you have."},
)
_CHANGED = Addition(
    headers={
        "If-Match": "The `ETag` of what you looked at: it is changed only if nobody has changed it since."
    },
    reply_headers=TAG_OF_REPLY,
    refusals={412: "Somebody has changed it since you looked at it."},
)
_DELETED = msgspec.structs.replace(_CHANGED, reply_headers={})
_ADDS = {"GET": _SHOWN, "DELETE": _DELETED}


class Tagged:
    """A handler of one thing, with its tag in the reply. `GET` may be answered 304, and a change 412."""

    def __init__(self, handler: Handler, configured: Configured) -> None:
        update_wrapper(self, handler)
        self._handler = handler
        self._configured = configured

    def adds(self, method: str) -> Addition:
        """What callers are told of it."""
        return _ADDS.get(method, _CHANGED)

    async def __call__(self, call: Call) -> Response:
        return await (self._show(call) if call.request.method in {"GET", "HEAD"} else self._change(call))

    async def _show(self, call: Call) -> Response:
        """The tag is read first: if there is a change in between, it is too old, which harms nobody."""
        configuration = await part_of(call, call.book, self._configured)
        response = await self._handler(call)
        tag = _whole(configuration, response)
        known = call.request.headers.getlist("if-none-match")
        # Compared weakly, as RFC 9110 says of this header.
        if known and (known == ["*"] or tag in {text for _, text in read_tags(known, "if-none-match")}):
            return Response(status_code=304, headers={"etag": f'"{tag}"'})
        response.headers["etag"] = f'"{tag}"'
        return response

    async def _change(self, call: Call) -> Response:
        """Compare and change in one transaction, and tell which configuration that led to."""
        wanted = read_match(call.request)
        found: list[str] = []

        async def compare(tx: Transaction) -> None:
            if wanted is not None and await part_of(call, tx, self._configured) not in wanted:
                raise Outdated("It was changed since you looked at it; look again, and send its new ETag.")

        async def read(tx: Transaction) -> None:
            found.append(await part_of(call, tx, self._configured))

        is_gone = call.request.method == "DELETE"
        book = SteppedBook(call.book, before=compare, after=None if is_gone else read)
        response = await self._handler(msgspec.structs.replace(call, book=book))
        if found:
            put_tag(response, found[-1])
        return response


def tagged(configured: Configured) -> Callable[[Handler], Tagged]:
    """Marks a handler of one thing; see Tagged."""
    return lambda handler: Tagged(handler, configured)


async def part_of(call: Call, source: Source, configured: Configured) -> str:
    """The part of the configuration. It is keyed, so that nobody can find out a masked value by trying."""
    content = msgspec.json.encode(await configured(call, source))
    return hmac.digest(call.request.state.session_secret, b"tag\0" + content, "sha256").hex()[:_LENGTH]


def put_tag(response: Response, configuration: str) -> None:
    """Let a reply have its tag."""
    response.headers["etag"] = f'"{_whole(configuration, response)}"'


def read_match(request: Request) -> frozenset[str] | None:
    """The configurations that `If-Match` names; None if it names none, or any. A weak tag matches nothing.

    Raises:
        Invalid: there is something else in it.
    """
    given = request.headers.getlist("if-match")
    if not given or given == ["*"]:
        return None
    return frozenset(text.partition("-")[0] for is_weak, text in read_tags(given, "if-match") if not is_weak)


def read_tags(lines: Sequence[str], header: str) -> list[tuple[bool, str]]:
    """The tags of a header, and whether they are weak.

    Raises:
        Invalid: there is something else in it; names the header.
    """
    text = ", ".join(lines)
    if not _TAGS.fullmatch(text):
        raise Invalid("Write a tag as the ETag header has it, with its quotes.", header)
    return [(bool(weak), tag) for weak, tag in _TAG.findall(text)]


def _whole(configuration: str, response: Response) -> str:
    return f"{configuration}-{sha256(response.body).hexdigest()[:_LENGTH]}"
