"""Only forms of our own pages change something."""

from __future__ import annotations

import pytest

from ingest.pages.session import COOKIE, DOOR_COOKIE
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


async def test_without_headers_nobody_is_signed_in_but_by_the_form_of_the_page(api: Api) -> None:
    async with browsing(api) as person, browsing(api) as other:
        token, others = await person.token("/sign-in"), await other.token("/sign-in")
        for wrong in ("", others, token[::-1]):
            reply = await person.client.post(
                "/sign-in", data={"key": api.key_of("owner"), "form_token": wrong}
            )
            assert (reply.status_code, COOKIE in person.client.cookies) == (403, False)
            assert f'value="{token}"' in reply.text, "the form is there again, and good"
        data = {"key": api.key_of("owner"), "form_token": token}
        assert (await person.client.post("/sign-in", data=data)).status_code == 303
        assert (await person.see("/plan")).status_code == 200


async def test_the_cookie_of_the_way_in_is_not_sent_by_other_sites(api: Api) -> None:
    async with browsing(api) as person:
        said = (await person.see("/sign-in")).headers["set-cookie"]
    assert said.startswith(f"{DOOR_COOKIE}=")
    for word in ("HttpOnly", "SameSite=strict", "Path=/sign-in", "Max-Age=3600"):
        assert word in said


async def test_without_headers_nobody_is_signed_out_but_by_the_form_of_the_page(api: Api) -> None:
    async with browsing(api, "owner") as person:
        token = await person.token("/plan")
        for wrong in ("", token[::-1]):
            reply = await person.client.post("/sign-out", data={"form_token": wrong})
            assert reply.status_code == 403
            assert (await person.see("/plan")).status_code == 200
        assert (await person.client.post("/sign-out", data={"form_token": token})).status_code == 303
        assert (await person.see("/plan")).status_code == 303
        assert (await person.client.post("/sign-out")).status_code == 303, "nobody is signed in any more"
