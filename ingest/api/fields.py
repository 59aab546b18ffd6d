"""What fields of several bodies may look like, as far as a schema can say it; who keeps them checks all of it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from store.monitor import MAX_NAME, MAX_TAG, MAX_TAGS

# Told only: the refusals are sentences of those who keep names and tags.
Name = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_NAME})]
Tag = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MAX_TAG, "pattern": "^[^,]*$"})]
Tags = Annotated[tuple[Tag, ...], Meta(extra_json_schema={"maxItems": MAX_TAGS})]
