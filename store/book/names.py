"""What a name and a tag may look like, and the slug that is made of a name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from store.errors import Invalid
from store.monitor import MAX_NAME, MAX_TAG, MAX_TAGS

MAX_SLUG = 40

# Control characters, halves of surrogate pairs, line and paragraph separators: they break logs, mails and terminals.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_name(name: str) -> str:
    """The name itself.

    Raises:
        Invalid: it is empty, blank, too long or holds control characters; names the field `name`.
    """
    if not 1 <= len(name) <= MAX_NAME:
        raise Invalid(f"A name has 1 to {MAX_NAME} characters.", "name")
    if not name.strip():
        raise Invalid("A name is more than blanks.", "name")
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in name):
        raise Invalid("A name has no control characters and no line breaks.", "name")
    return name


def check_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags, each once. None has a comma, by which lists of tags are joined.

    Raises:
        Invalid: one is empty, blank, too long or holds control characters or commas; names the field `tags`.
    """
    if len(tags) > MAX_TAGS:
        raise Invalid(f"A monitor has at most {MAX_TAGS} tags.", "tags")
    for tag in tags:
        if not 1 <= len(tag) <= MAX_TAG or not tag.strip():
            raise Invalid(f"A tag has 1 to {MAX_TAG} characters and is more than blanks.", "tags")
        if "," in tag or any(unicodedata.category(one) in _REFUSED_CATEGORIES for one in tag):
            raise Invalid("A tag has no commas, no control characters and no line breaks.", "tags")
    return tuple(dict.fromkeys(tags))


def slug_of(name: str) -> str:
    """`Nightly DB Backup` -> `nightly-db-backup`; `monitor` if nothing is left."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()
    return slug[:MAX_SLUG].rstrip("-") or "monitor"
