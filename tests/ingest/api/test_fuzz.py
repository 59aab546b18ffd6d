"""No input may give a 500."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingest.api.cast import Api
from tests.ingest.api.test_tenants import walks

FIELDS = [
    "name", "type", "interval", "gracePeriod", "paused", "schedule", "grace_period_seconds", "url", "id", "secret",
    "tags", "scope", "metricKey", "operator", "threshold", "channelId", "consecutiveTriggers",
]  # fmt: skip
GOOD = ["heartbeat", "webhook", "every 5m", "https://example.org", "job", 60, True]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(GOOD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(st.sampled_from(FIELDS) | st.text(), values, max_size=6)
bodies = (objects | values).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200)
queries = st.dictionaries(
    st.sampled_from(
        ["limit", "cursor", "before", "status", "tag", "q", "by", "from", "to", "step", "outcome", "open"]
    ),
    st.text(max_size=30),
    max_size=3,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walk=st.sampled_from(walks()), body=bodies, query=queries, known=st.booleans())
async def test_no_input_gives_a_500(
    api: Api, walk: tuple[str, str], body: bytes, query: dict[str, str], known: bool
) -> None:
    method, path = walk
    found: list[Any] = (await api.owner.get("/api/monitors")).json()["monitors"]
    public_id = found[0]["id"] if known and found else "6f2a7a0e-5a0e-5f0b-9a43-0d0b5a1f3c77"

    reply = await api.owner.request(method, path.replace("{id}", public_id), content=body, params=query)

    assert reply.status_code in {200, 201, 204, 400, 404, 422}, reply.text
    assert reply.status_code < 400 or reply.json()["error"]
