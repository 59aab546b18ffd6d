"""Whether the mail server can be spoken to: connect, say EHLO, and TLS as it is asked for. Nothing is sent."""

from __future__ import annotations

import asyncio

import aiosmtplib

from store.mail_server import MailServer

GREET_WITHIN_S = 5.0


async def greet(server: MailServer, within_s: float = GREET_WITHIN_S) -> str:
    """What is wrong, as the rest of a sentence about the server; nothing if all is well."""
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.tls == "wrapped",
        start_tls={"required": True, "offered": None}.get(server.tls, False),
        timeout=within_s,
    )
    try:
        async with asyncio.timeout(within_s):
            await client.connect()
            await client.ehlo()
    except TimeoutError:  # aiosmtplib's own are of this kind too
        return f"does not answer within {within_s:g} s"
    except (aiosmtplib.SMTPException, OSError) as error:
        words = str(error).splitlines() or [type(error).__name__]
        return f"cannot be spoken to: {words[0]}"
    finally:
        client.close()
    return ""
