"""Only forms of our own pages change something."""

from __future__ import annotations

import pytest

from tests.ingest.api.cast import Api
from tests.ingest.pages.browsing import Person, browsing

OURS, HOST = "http://overdue.test", "overdue.test"
ACCEPTED: list[dict[str, str]] = [
    {"sec-fetch-site": "same-origin"},
    {"origin": OURS},
    {"sec-fetch-site": "same-origin", "origin": "null"},
]
REFUSED: list[dict[str, str]] = [
    {},
    {"origin": "null"},
    {"origin": "http://evil.test"},
    {"origin": "http://overdue.test.evil.test"},
    {"origin": "http://overdue.test:81"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"sec-fetch-site": "cross-site", "origin": OURS},
]


async def make_a_key(person: Person, headers: dict[str, str], token: str = "") -> int:
    fields = {"name": "made", "scope": "read", "form_token": token}
    reply = await person.client.post("/keys", data=fields, headers={"host": HOST, **headers})
    return reply.status_code


@pytest.mark.parametrize("headers", ACCEPTED)
async def test_a_form_of_our_own_page_is_taken(api: Api, headers: dict[str, str]) -> None:
    async with browsing(api, "owner") as person:
        assert await make_a_key(person, headers) == 201


@pytest.mark.parametrize("headers", REFUSED)
async def test_a_form_from_elsewhere_is_refused_and_does_nothing(api: Api, headers: dict[str, str]) -> None:
    async with browsing(api, "owner") as person:
        assert await make_a_key(person, headers) == 403
    assert "made" not in [key["name"] for key in (await api.owner.get("/api/keys")).json()["keys"]]


@pytest.mark.parametrize("headers", [{}, {"origin": "null"}])
async def test_where_the_browser_says_nothing_the_token_does(api: Api, headers: dict[str, str]) -> None:
    async with browsing(api, "owner") as person:
        token = await person.token("/keys")
        assert await make_a_key(person, headers, token) == 201
        assert await make_a_key(person, headers, token[::-1]) == 403


async def test_a_token_does_not_help_a_form_from_elsewhere(api: Api) -> None:
    async with browsing(api, "owner") as person:
        assert await make_a_key(person, {"sec-fetch-site": "cross-site"}, await person.token("/keys")) == 403


async def test_nobody_is_signed_in_by_another_site(api: Api) -> None:
    async with browsing(api) as person:
        reply = await person.client.post(
            "/sign-in", data={"key": api.key_of("owner")}, headers={"sec-fetch-site": "cross-site"}
        )
    assert reply.status_code == 403
    assert "set-cookie" not in reply.headers
