"""API keys over the API: made, shown once, listed, revoked."""

from __future__ import annotations

import re
from typing import Any

import pytest

from store.book import keys
from tests.ingest.api.cast import Api
from tests.patience import until

KEYS = "/api/keys"


async def make(api: Api, **changed: Any) -> dict[str, Any]:
    reply = await api.owner.post(KEYS, json={"name": "grafana", "scope": "read", **changed})
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def call(api: Api, key: str, method: str = "GET", path: str = "/api/monitors") -> int:
    reply = await api.nobody.request(method, path, json={"name": "job"}, headers={"x-api-key": key})
    return reply.status_code


async def test_a_new_key_is_shown_once_and_works_at_once(api: Api) -> None:
    made = await make(api)

    assert re.fullmatch(r"od_[\w-]{43}[0-9A-Za-z]{6}", made["key"])
    assert made["key"].startswith(made["prefix"])
    assert (made["name"], made["scope"], made["admin"]) == ("grafana", "read", False)
    assert (made["lastUsedAt"], made["revokedAt"]) == (None, None)
    assert made["createdAt"].endswith("Z")
    listed = await api.owner.get(KEYS)
    assert made["key"] not in listed.text
    del made["key"]
    assert listed.json()["keys"][-1] == made


async def test_a_key_may_what_its_scope_says(api: Api) -> None:
    reader, writer = (await make(api))["key"], (await make(api, scope="write"))["key"]

    assert (await call(api, reader), await call(api, writer)) == (200, 200)
    assert (await call(api, reader, "POST"), await call(api, writer, "POST")) == (403, 201)


async def test_the_last_use_is_shown(api: Api) -> None:
    made = await make(api)
    await call(api, made["key"])

    async def is_shown() -> bool:
        return (await api.owner.get(KEYS)).json()["keys"][-1]["lastUsedAt"] is not None

    await until(is_shown)  # it is noted after the reply


async def test_a_revoked_key_opens_nothing_and_is_listed_as_such(api: Api) -> None:
    made = await make(api)

    assert (await api.owner.delete(f"{KEYS}/{made['id']}")).status_code == 204

    assert await call(api, made["key"]) == 401
    listed = (await api.owner.get(KEYS)).json()["keys"][-1]
    assert (listed["id"], listed["revokedAt"][-1]) == (made["id"], "Z")
    assert (await api.owner.delete(f"{KEYS}/{made['id']}")).status_code == 404


async def test_the_admin_key_cannot_be_revoked_here(api: Api) -> None:
    (admin, *_) = (await api.owner.get(KEYS)).json()["keys"]
    assert admin["admin"]

    reply = await api.owner.delete(f"{KEYS}/{admin['id']}")

    assert (reply.status_code, "OVERDUE_ADMIN_KEY" in reply.json()["error"]) == (409, True)
    assert (await api.owner.get(KEYS)).status_code == 200


async def test_a_wrong_or_revoked_key_is_told_from_none(api: Api) -> None:
    made = await make(api)
    await api.owner.delete(f"{KEYS}/{made['id']}")

    for headers in ({"x-api-key": made["key"]}, {"authorization": "Bearer nobody's"}):
        reply = await api.nobody.get(KEYS, headers=headers)
        assert (reply.status_code, reply.json()["error"]) == (
            401,
            "This API key is not valid (or was revoked).",
        )
    none = await api.nobody.get(KEYS)
    assert (none.status_code, none.json()["error"][:21]) == (401, "An API key is needed,")


async def test_a_key_may_revoke_itself_and_that_was_its_last_call(api: Api) -> None:
    made = await make(api, scope="write")

    assert await call(api, made["key"], "DELETE", f"{KEYS}/{made['id']}") == 204
    assert await call(api, made["key"], "GET", KEYS) == 401


async def test_a_key_of_somebody_else_is_not_there(api: Api) -> None:
    theirs = await keys.holder(api.book, api.key_of("stranger"))
    assert theirs is not None

    assert (await api.owner.delete(f"{KEYS}/{theirs.id}")).status_code == 404
    assert (await api.stranger.get("/api/monitors")).status_code == 200


@pytest.mark.parametrize("key_id", ["0", "-1", "x", "1.0", "9" * 30, "%00", "٣", "1e3"])
async def test_an_id_that_is_none_is_404(api: Api, key_id: str) -> None:
    assert (await api.owner.delete(f"{KEYS}/{key_id}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "read"}, "name"),
        ({"name": "", "scope": "read"}, "name"),
        ({"name": "a\nb", "scope": "read"}, "name"),
        ({"name": "a"}, "scope"),
        ({"name": "a", "scope": "admin"}, "scope"),
        ({"name": "a", "scope": "read", "key": "mine"}, "key"),
        ({"name": "a", "scope": "read", "admin": True}, "admin"),
        ({"name": "a", "scope": "read", "orgId": 2}, "orgId"),
    ],
)
async def test_a_bad_field_is_named(api: Api, body: Any, field: str) -> None:
    reply = await api.owner.post(KEYS, json=body)

    assert (reply.status_code, reply.json()["field"]) == (422, field)


async def test_keys_come_in_pages(api: Api) -> None:
    made = [await make(api, name=f"key {number}") for number in range(3)]
    seen: list[int] = []
    query = {"limit": "2"}
    while "cursor" not in query or query["cursor"]:
        page = (await api.owner.get(KEYS, params=query)).json()
        seen += [key["id"] for key in page["keys"]]
        query["cursor"] = page["nextCursor"]

    assert seen[-3:] == [key["id"] for key in made]
    assert len(seen) == 5


async def test_too_many_keys_are_refused_with_the_limit(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "MAX_KEYS", 3)
    await make(api)

    reply = await api.owner.post(KEYS, json={"name": "one too many", "scope": "read"})

    assert (reply.status_code, reply.json()["limit"]) == (403, 3)
