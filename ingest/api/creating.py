"""`Idempotency-Key`: whoever sends a call again, as no answer came, gets the answer, and nothing is created twice.

As the IETF's draft "The Idempotency-Key HTTP Header Field" has it. A key is good for a day, within its organisation.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import update_wrapper

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ingest.api.call import Call
from ingest.api.entity_tags import TAG_OF_REPLY, Configured, part_of, put_tag
from ingest.api.operation import Addition, Handler
from ingest.api.problems import problem
from ingest.api.webhook_url import masked
from ingest.api.wire import Json
from store.book import creations
from store.book.creations import Creation, Taken, Wish
from store.book.database import Transaction
from store.book.joined import Step, SteppedBook
from store.errors import Invalid, OverdueError, Unavailable

HEADER = "idempotency-key"
REPLAYED = {"idempotent-replayed": "true"}
MAX_KEY = 255
# So long a call may be under way. One that has no answer then was cut off by the end of its process.
ANSWERED_WITHIN_MS = 30_000

# The draft has a string of structured fields, in quotes; people leave these out.
_KEY = re.compile(
    r"\"[\x20-\x21\x23-\x5b\x5d-\x7e]+\"|[\x21\x23-\x7e](?:[\x20\x21\x23-\x7e]*[\x21\x23-\x7e])?", re.ASCII
)

Again = Callable[[Call, str], Awaitable[Response]]


ADDS = Addition(
    headers={
        "Idempotency-Key": "Drawn by the caller, 1 to 255 characters: whoever sends a call again with the same key "
        "within a day gets the answer to the first, and nothing is made twice."
    },
    reply_headers={
        "Idempotent-Replayed": "`true` if this was made by an earlier call; secrets are null then."
    },
    refusals={409: "A call with this `Idempotency-Key` is being answered; send it again in a moment."},
)


class Creating:
    """A handler that creates something. `again` answers as it does, by the id of what was created already.

    `once` names the field of the reply that is a secret and shown this once: it is not kept, and null in a replay,
    which does not show the whole URL either. `configured` tells what the tag of the reply is made of, if what is
    created can be changed; `id_name` is how the path of that calls its id. A replay has no tag: what it shows may have
    been changed meanwhile.
    """

    def __init__(
        self, handler: Handler, again: Again, once: str | None, configured: Configured | None, id_name: str
    ) -> None:
        update_wrapper(self, handler)
        self._handler = handler
        self._again = again
        self._once = once
        self._configured = configured
        self._id_name = id_name

    def adds(self, method: str) -> Addition:
        """What callers are told of it."""
        if self._configured is None:
            return ADDS
        return msgspec.structs.replace(ADDS, reply_headers={**ADDS.reply_headers, **TAG_OF_REPLY})

    async def __call__(self, call: Call) -> Response:
        """Answer a call, and keep the answer if it has a key.

        1. Without a key there is nothing to keep.
        2. If something was created with the key before, that is the answer.
        3. Else create it; that this was done is noted in the same transaction. Of two calls at once one finds at its
           commit that the other was faster; its own is undone, and the other's is the answer.
        4. Keep the answer. A crash before that leaves the note, by which it can be made again.
        """
        key = read_key(call.request)
        if key is None:
            return await self._create(call)
        content = await call.read()
        asked = creations.wish(call.org_id, key, _request(call, content), call.now_ms)
        former = await creations.find(call.book, asked)
        if former is None:
            try:
                return await self._first(call, asked, content)
            except Taken:
                former = await creations.find(call.book, asked)
        return _busy() if former is None else await self._replay(call, asked, former)

    async def _first(self, call: Call, asked: Wish, content: bytes) -> Response:
        noted = False

        async def note(tx: Transaction) -> None:
            nonlocal noted
            if tx.made:
                await creations.note(tx, asked)
                noted = True

        try:
            response = await self._create(msgspec.structs.replace(call, content=content), note)
        except OverdueError as error:
            if noted and not isinstance(error, Taken):
                await self._close(call, asked, None)
            raise
        await self._close(call, asked, self._kept(bytes(response.body)))
        return response

    async def _create(self, call: Call, note: Step | None = None) -> Response:
        """Create, with a step more in the same transaction, and with the tag of what that led to in the reply."""
        found: list[str] = []

        async def after(tx: Transaction) -> None:
            if note is not None:
                await note(tx)
            if tx.made and self._configured is not None:
                found.append(await part_of(call.at(self._id_name, tx.made), tx, self._configured))

        book = SteppedBook(call.book, after=after)
        response = await self._handler(msgspec.structs.replace(call, book=book))
        if found:
            put_tag(response, found[-1])
        return response

    async def _replay(self, call: Call, asked: Wish, former: Creation) -> Response:
        if former.request != asked.request:
            raise Invalid("This Idempotency-Key was used for another request; draw a new one.", HEADER)
        if former.is_open and call.now_ms - former.created_ms < ANSWERED_WITHIN_MS:
            return _busy()
        reply = former.reply
        if reply is None:
            reply = self._kept(bytes((await self._again(call, former.made)).body))
            await self._close(call, asked, reply)
        return Response(reply, 201, REPLAYED, Json.media_type)

    async def _close(self, call: Call, asked: Wish, reply: bytes | None) -> None:
        """The caller gets the answer, whether it can be kept or not."""
        with suppress(Unavailable):
            await creations.close(call.book, asked, reply)

    def _kept(self, reply: bytes) -> bytes:
        if self._once is None:
            return reply
        content = msgspec.json.decode(reply)
        if self._once not in content:
            return reply
        hidden = {self._once: None} | ({"url": masked(content["url"])} if "url" in content else {})
        return msgspec.json.encode(content | hidden)


def creates(
    again: Again, once: str | None = None, *, tagged: Configured | None = None, id_name: str = "id"
) -> Callable[[Handler], Creating]:
    """Marks a handler that creates something; see Creating."""
    return lambda handler: Creating(handler, again, once, tagged, id_name)


def read_key(request: Request) -> str | None:
    """The key that a call brings; None if it brings none.

    Raises:
        Invalid: it is empty, too long, or has something within that is no printable ASCII character, or a quote.
    """
    text = request.headers.get(HEADER)
    if text is None:
        return None
    if not _KEY.fullmatch(text) or len(text) > MAX_KEY:
        sentence = (
            f"An Idempotency-Key has 1 to {MAX_KEY} printable ASCII characters, and no quotes but around it."
        )
        raise Invalid(sentence, HEADER)
    return text.strip('"')


def _request(call: Call, content: bytes) -> bytes:
    return f"{call.request.method} {call.request.scope['path']}\n".encode() + content


def _busy() -> Response:
    sentence = "A call with this Idempotency-Key is being answered; send this one again in a moment."
    return problem(409, sentence, headers={"retry-after": "1"})
