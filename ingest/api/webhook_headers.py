"""Headers that users add to their webhooks: which may be, and how they are shown."""

from __future__ import annotations

import re
from collections.abc import Mapping

from store.errors import Invalid

MOST_HEADERS = 10
MAX_NAME = 100
MAX_VALUE = 1000
MASK = "***"

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
# Visible ASCII, with blanks between; no header can end in one or begin another.
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?", re.ASCII)

# What belongs to the connection, to the body, or to the signature.
_OURS = {
    "accept-encoding",
    "connection",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_OUR_PREFIXES = ("content-", "proxy-", "webhook-")


def check_headers(headers: Mapping[str, str], former: Mapping[str, str]) -> dict[str, str]:
    """The headers with names in lower case. A value of `***` stands for the one that is there already.

    Raises:
        Invalid: there are too many, or one may not be; names the field `headers`, and shows no value.
    """
    if len(headers) > MOST_HEADERS:
        raise Invalid(f"A webhook has at most {MOST_HEADERS} headers of its own.", "headers")
    checked: dict[str, str] = {}
    for spelled, given in headers.items():
        name = spelled.lower()
        if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise Invalid(f"A header's name has 1 to {MAX_NAME} letters, digits and hyphens.", "headers")
        if name in _OURS or name.startswith(_OUR_PREFIXES):
            raise Invalid(f"The header {name} is set by Overdue.", "headers")
        if name in checked:
            raise Invalid(f"The header {name} is there twice.", "headers")
        value = former.get(name, given) if given == MASK else given
        if value == MASK or len(value) > MAX_VALUE or not _VALUE.fullmatch(value):
            sentence = (
                f"The value of {name} has 1 to {MAX_VALUE} printable ASCII characters, and is not {MASK}."
            )
            raise Invalid(sentence, "headers")
        checked[name] = value
    return checked


def masked(headers: Mapping[str, str]) -> dict[str, str]:
    """As they may be shown: any value may be a secret."""
    return dict.fromkeys(headers, MASK)
