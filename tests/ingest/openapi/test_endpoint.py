"""`GET /openapi.json` is for everybody, and travels once."""

from __future__ import annotations

from tests.ingest.api.cast import Api

PATH = "/openapi.json"


async def test_it_needs_no_key(api: Api) -> None:
    reply = await api.nobody.get(PATH)

    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json()["servers"] == [{"url": "/"}]


async def test_who_has_it_is_told_that_it_is_the_same(api: Api) -> None:
    tag = (await api.nobody.get(PATH)).headers["etag"]

    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        reply = await api.nobody.get(PATH, headers={"if-none-match": known})
        assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", tag)
    assert (await api.nobody.get(PATH, headers={"if-none-match": '"other"'})).status_code == 200
