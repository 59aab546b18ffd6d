"""The signature of Standard Webhooks 1.0, by which a receiver knows that a call is ours."""

from __future__ import annotations

import base64
import binascii
import hmac

from store.errors import Invalid

SECRET_PREFIX = "whsec_"


def sign(secret: str, event_id: str, timestamp_s: int, body: bytes) -> str:
    """The value of `webhook-signature`: `v1,` and the base64 of an HMAC-SHA256 over `id.timestamp.body`.

    Raises:
        Invalid: the secret is not `whsec_` and standard base64.
    """
    signed = b".".join((event_id.encode(), str(timestamp_s).encode(), body))
    digest = hmac.digest(_key(secret), signed, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(SECRET_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key or encoded == secret:
        # `from None` and no value: a secret has no business in a traceback.
        raise Invalid("the signing secret is not whsec_ and base64", "secret") from None
    return key
