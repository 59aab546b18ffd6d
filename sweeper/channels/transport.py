"""An httpx transport whose every connection goes through the guard; for webhooks and whatever else calls out.

Against httpx's own: no proxies, no Unix sockets, no HTTP/2, and a bound on what is read. Certificates are
checked against certifi's list, or the one that SSL_CERT_FILE or SSL_CERT_DIR names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import MappingProxyType

import httpcore
import httpx

from store.settings import IPNetwork
from sweeper.channels.guard import Guard
from sweeper.channels.names import Resolver, SystemNames

KEEPALIVE_CONNECTIONS = 32
KEEPALIVE_S = 5.0
ANSWER_LIMIT_BYTES = 64 * 1024

_TWINS = MappingProxyType[type[Exception], type[httpx.TransportError]](
    {
        httpcore.TimeoutException: httpx.TimeoutException,
        httpcore.ConnectTimeout: httpx.ConnectTimeout,
        httpcore.ReadTimeout: httpx.ReadTimeout,
        httpcore.WriteTimeout: httpx.WriteTimeout,
        httpcore.PoolTimeout: httpx.PoolTimeout,
        httpcore.NetworkError: httpx.NetworkError,
        httpcore.ConnectError: httpx.ConnectError,
        httpcore.ReadError: httpx.ReadError,
        httpcore.WriteError: httpx.WriteError,
        httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
        httpcore.ProtocolError: httpx.ProtocolError,
        httpcore.LocalProtocolError: httpx.LocalProtocolError,
        httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    }
)


class GuardedTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 to allowed addresses only. Connections are not rationed here: the caller bounds its calls."""

    def __init__(
        self,
        private_targets: tuple[IPNetwork, ...],
        *,
        resolver: Resolver | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        guard = Guard(
            private_targets, resolver or SystemNames(), ANSWER_LIMIT_BYTES, network or httpcore.AnyIOBackend()
        )
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=None,
            max_keepalive_connections=KEEPALIVE_CONNECTIONS,
            keepalive_expiry=KEEPALIVE_S,
            network_backend=guard,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in {"http", "https"}:
            raise httpx.UnsupportedProtocol("only http and https are spoken here", request=request)
        with _in_httpx_words():
            response = await self._pool.handle_async_request(_for_httpcore(request))
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_AnswerStream(response),
            extensions=response.extensions,
            request=request,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _AnswerStream(httpx.AsyncByteStream):
    """The rest of an answer, read as it comes."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _in_httpx_words():
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


def _for_httpcore(request: httpx.Request) -> httpcore.Request:
    url = httpcore.URL(
        scheme=request.url.raw_scheme,
        host=request.url.raw_host,
        port=request.url.port,
        target=request.url.raw_path,
    )
    return httpcore.Request(
        method=request.method,
        url=url,
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


@contextmanager
def _in_httpx_words() -> Iterator[None]:
    """The seam between the two libraries: each httpcore error becomes its httpx twin, with its cause kept."""
    try:
        yield
    except Exception as error:
        twin = next((_TWINS[kind] for kind in type(error).__mro__ if kind in _TWINS), None)
        if twin is None:
            raise
        raise twin(str(error)) from error
