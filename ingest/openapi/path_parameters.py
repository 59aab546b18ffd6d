"""The parts of paths that callers fill in: what each of them may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from ingest.doors.signals import SUFFIX
from ingest.openapi.schemas import Schema, path_parameter

# In curly brackets, with Starlette's convertor behind a colon.
PART = re.compile(r"{(\w+)(:\w+)?}")

_KINDS: Mapping[str, str] = {
    "monitors": "monitor",
    "heartbeats": "monitor",
    "channels": "channel",
    "deliveries": "delivery",
    "maintenance": "maintenance window",
}
_TYPES: Mapping[str, Any] = {
    "alertId": Annotated[UUID, Meta(description="The id of the threshold rule.")],
    "pingId": Annotated[int, Meta(ge=1, description="The id of the ping.")],
    "key": Annotated[
        str,
        Meta(
            description="The ping key of a monitor.",
            examples=["XBvVBR5rK7VcjeleNhrSf7"],
            extra_json_schema={"pattern": "^[A-Za-z0-9_-]{8,128}$"},
        ),
    ],
    "signal": Annotated[
        str,
        Meta(
            description="`start`, `fail`, `log`, or the exit code of a job, 0 to 255.",
            examples=["start"],
            extra_json_schema={"pattern": f"^({SUFFIX.decode()})$"},
        ),
    ],
    "key:text": Annotated[str, Meta(min_length=1, description="The key of the metric, as pings send it.")],
}
_KEY_NUMBER = Annotated[int, Meta(ge=1, description="The id of the API key.")]


def public_path(path: str) -> str:
    """A route's path as the world knows it."""
    return PART.sub(r"{\1}", path)


def path_parameters(path: str) -> list[Schema]:
    """What is to be filled in, in order."""
    return [path_parameter(name, _type(path, name, convertor)) for name, convertor in PART.findall(path)]


def _type(path: str, name: str, convertor: str) -> Any:
    if path.startswith("/api/keys/"):
        return _KEY_NUMBER
    if name == "id":
        kind = _KINDS.get(path.partition("/{id}")[0].rpartition("/")[2])
        return Annotated[UUID, Meta(description=f"The id of the {kind}." if kind else "Its id.")]
    return _TYPES.get(name + convertor, str)
