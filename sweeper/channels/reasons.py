"""Why an attempt failed, in one plain sentence that holds no secret and no part of the URL.

The words are ours throughout: a library's own message may quote the URL, a header, or what an internal
service said.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpcore
import httpx

from store.errors import Invalid
from sweeper.channels.guard import AddressRefused, AnswerTooLong, NoSuchHost

# The first row that names an error in the chain wins, so the particular stands before the general.
_SENTENCES: tuple[tuple[type[BaseException], str], ...] = (
    (AddressRefused, "the address is private or reserved, and OVERDUE_PRIVATE_TARGETS does not allow it"),
    (NoSuchHost, "there is no such host"),
    (AnswerTooLong, "the headers of the answer are too long"),
    (ssl.SSLCertVerificationError, "the receiver's certificate is not trusted"),
    (ssl.SSLError, "the TLS handshake failed"),
    (ConnectionRefusedError, "the connection was refused"),
    (httpx.InvalidURL, "the URL cannot be read"),
    (httpx.UnsupportedProtocol, "the URL cannot be called"),
    (httpx.ConnectError, "the receiver cannot be reached"),
    (httpx.LocalProtocolError, "the request cannot be written as HTTP"),
    (httpx.RemoteProtocolError, "the receiver closed the connection or did not answer in HTTP"),
    (httpx.NetworkError, "the connection broke before an answer came"),
    (httpx.TimeoutException, "no answer came in time"),
    (TimeoutError, "no answer came in time"),
)

# `scripts/shared/letters.lua` cuts off what is longer.
LONGEST_BYTES = 250

_WIPED = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)


def why(error: Exception) -> str:
    """The sentence for an error that ended an attempt."""
    if isinstance(error, Invalid):
        return str(error)
    chain = tuple(_chain(error))
    for kind, sentence in _SENTENCES:
        if any(isinstance(link, kind) for link in chain):
            return sentence
    return f"the attempt failed unexpectedly ({type(error).__name__})"


def short(reason: str) -> str:
    """A reason as the log of deliveries keeps it: one line, printable, of a length that has an end."""
    line = " ".join("".join(one if one.isprintable() else " " for one in reason).split())
    while len(line.encode()) > LONGEST_BYTES:
        line = line[:-1]
    return line


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, outermost first."""
    link: BaseException | None = error
    while link is not None:
        yield link
        # httpcore's pool wipes the cause of its errors ("from None"); there, and only there, the context is it.
        link = link.__cause__ or (link.__context__ if isinstance(link, _WIPED) else None)
