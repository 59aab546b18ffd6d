"""A call of the admin API: an authenticated request with everything that a handler needs."""

from __future__ import annotations

import re
from typing import TypeVar
from uuid import UUID

import msgspec
from starlette.requests import Request

from ingest.api.live import Live
from ingest.api.wire import decode, read_body
from store.book import keys
from store.book.database import ConfigBook
from store.book.keys import KeyHolder
from store.errors import NotFound
from store.plans import Plan
from store.settings import Settings

_T = TypeVar("_T")

# What may stand in a Host header that we repeat in our replies.
_HOST = re.compile(r"[A-Za-z0-9.\-_]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
UUID_PATTERN = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UUID = re.compile(UUID_PATTERN, re.ASCII)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One authenticated request. `now_ms` is the one moment at which everything in it happens.

    `content` is its body, if that was read already.
    """

    request: Request
    caller: KeyHolder
    book: ConfigBook
    live: Live
    settings: Settings
    now_ms: int
    content: bytes | None = None

    @property
    def org_id(self) -> int:
        """The organisation that every query is scoped by."""
        return self.caller.org_id

    @property
    def plan(self) -> Plan:
        """What the organisation may use."""
        return self.caller.plan

    @property
    def may_see_ping_keys(self) -> bool:
        """Whoever has a ping key can pretend to be the worker, so it is not for those who may only read."""
        return self.caller.scope == keys.WRITE

    @property
    def history_since_ms(self) -> int:
        """The moment before which the plan shows no pings; 0: it shows all that are kept."""
        return self.plan.history_since_ms(self.now_ms)

    @property
    def public_id(self) -> UUID:
        """The id in the path."""
        return self.id_named("id")

    def id_named(self, name: str) -> UUID:
        """An id in the path; one that is no UUID can belong to nothing."""
        public_id = read_id(self.request.path_params[name])
        if public_id is None:
            raise NotFound("There is nothing with this id.")
        return public_id

    def at(self, name: str, public_id: str) -> Call:
        """The same call as if its path named this too."""
        named = {**self.request.path_params, name: public_id}
        return msgspec.structs.replace(self, request=Request({**self.request.scope, "path_params": named}))

    @property
    def base_url(self) -> str:
        """Where this installation is reached: as configured, else as this caller reached it."""
        return base_url_of(self.request)

    async def body(self, decoder: msgspec.json.Decoder[_T]) -> _T:
        """The decoded body."""
        return decode(decoder, await self.read())

    async def read(self) -> bytes:
        """The body as it came."""
        return await read_body(self.request) if self.content is None else self.content


def base_url_of(request: Request) -> str:
    """Where this installation is reached: as configured, else as this caller reached it."""
    settings: Settings = request.state.settings
    if settings.base_url:
        return settings.base_url
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        host = f"{settings.host}:{settings.port}"
    return f"{request.scope['scheme']}://{host}"


def read_id(text: str) -> UUID | None:
    """An id as we write it; None if this is not one."""
    return UUID(text) if _UUID.fullmatch(text) else None
