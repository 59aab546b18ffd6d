"""Sessions: what opens one, what ends it, and what a cookie is worth."""

from __future__ import annotations

import pytest

from ingest.pages.session import COOKIE, LIFE_S, Ticket, form_token, is_form_token, seal, ticket_in
from store.book import ended_sessions
from tests.ingest.api.cast import SESSION_SECRET, Api
from tests.ingest.pages.browsing import FROM_OUR_PAGE, browsing

NOW_MS = 1_800_000_000_000


def test_a_cookie_names_its_key_until_it_is_too_old() -> None:
    cookie = seal(SESSION_SECRET, 7, NOW_MS)
    ticket = Ticket(7, NOW_MS + LIFE_S * 1000)
    assert ticket_in(SESSION_SECRET, cookie, NOW_MS) == ticket
    assert ticket_in(SESSION_SECRET, cookie, NOW_MS + LIFE_S * 1000 - 1) == ticket
    assert ticket_in(SESSION_SECRET, cookie, NOW_MS + LIFE_S * 1000) is None


@pytest.mark.parametrize("place", range(4))
def test_a_cookie_that_was_changed_anywhere_is_worth_nothing(place: int) -> None:
    parts = seal(SESSION_SECRET, 7, NOW_MS).split(".")
    parts[place] = parts[place][:-1] + ("1" if parts[place][-1] != "1" else "2")
    assert ticket_in(SESSION_SECRET, ".".join(parts), NOW_MS) is None


@pytest.mark.parametrize("cookie", ["", "7", "..", "7.1.0", "٣.1.a", "7.9999999999999.x" * 99])
def test_what_is_no_cookie_of_ours_is_worth_nothing(cookie: str) -> None:
    assert ticket_in(SESSION_SECRET, cookie, NOW_MS) is None


def test_a_cookie_of_another_installation_is_worth_nothing() -> None:
    assert ticket_in(SESSION_SECRET, seal(b"x" * 32, 7, NOW_MS), NOW_MS) is None


def test_a_forms_token_belongs_to_its_session_and_is_no_cookie() -> None:
    mine, yours = seal(SESSION_SECRET, 7, NOW_MS), seal(SESSION_SECRET, 8, NOW_MS)
    token = form_token(SESSION_SECRET, mine)
    assert is_form_token(SESSION_SECRET, mine, token)
    assert not is_form_token(SESSION_SECRET, yours, token)
    assert not is_form_token(SESSION_SECRET, mine, "ä")
    assert token not in mine


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(api: Api) -> None:
    async with browsing(api) as person:
        reply = await person.sign_in(api.key_of("owner"))
    said = reply.headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=lax" in said
    assert "Path=/" in said
    assert api.key_of("owner") not in said


async def test_a_wrong_key_opens_nothing_and_is_counted(api: Api) -> None:
    async with browsing(api) as person:
        for _ in range(100):
            reply = await person.sign_in(api.key_of("liar"))
            assert reply.status_code == 401
        assert (await person.sign_in(api.key_of("liar"))).status_code == 429
        assert (await person.sign_in(api.key_of("owner"))).status_code == 303


async def test_a_revoked_key_ends_its_session_at_once(api: Api) -> None:
    made = (await api.owner.post("/api/keys", json={"name": "short", "scope": "write"})).json()
    async with browsing(api) as person:
        await person.sign_in(made["key"])
        assert (await person.see("/plan")).status_code == 200
        await api.owner.delete(f"/api/keys/{made['id']}")
        assert (await person.see("/plan")).headers["location"] == "/sign-in?next=%2Fplan"


async def test_the_cookie_does_not_open_the_api(api: Api) -> None:
    async with browsing(api, "owner") as person:
        assert (await person.see("/api/monitors")).status_code == 401


async def test_signing_out_forgets_the_cookie(api: Api) -> None:
    async with browsing(api, "owner") as person:
        await person.send("/sign-out")
        assert COOKIE not in person.client.cookies


async def test_a_cookie_is_worth_nothing_once_somebody_has_signed_out_of_it(api: Api) -> None:
    async with browsing(api, "owner") as person, browsing(api, "owner") as elsewhere:
        kept = {"cookie": f"{COOKIE}={person.client.cookies[COOKIE]}"}
        await person.send("/sign-out")
        replayed = await person.client.get("/plan", headers=kept)
        assert replayed.headers["location"] == "/sign-in?next=%2Fplan"
        assert (await elsewhere.see("/plan")).status_code == 200, "another session of the same key goes on"
        await person.sign_in(api.key_of("owner"))
        assert (await person.see("/plan")).status_code == 200


async def test_what_was_noted_of_a_session_is_forgotten_when_it_would_be_over(api: Api) -> None:
    for cookie, until_ms in (("old", NOW_MS), ("new", NOW_MS + 2)):
        await ended_sessions.end(api.book, cookie, until_ms, NOW_MS - 1)
    await ended_sessions.end(api.book, "newest", NOW_MS + 3, NOW_MS + 1)
    rows = await api.book.rows("SELECT until_ms FROM ended_sessions ORDER BY until_ms")
    assert [row["until_ms"] for row in rows] == [NOW_MS + 2, NOW_MS + 3]


@pytest.mark.parametrize(
    ("wanted", "gets"),
    [
        ("/plan", "/plan"),
        ("/?q=a%20b&status=down", "/?q=a%20b&status=down"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\\b", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\nx", "/"),
    ],
)
async def test_whoever_signs_in_stays_on_this_host(api: Api, wanted: str, gets: str) -> None:
    async with browsing(api) as person:
        reply = await person.client.post(
            "/sign-in", params={"next": wanted}, data={"key": api.key_of("owner")}, headers=FROM_OUR_PAGE
        )
    assert reply.headers["location"] == gets
