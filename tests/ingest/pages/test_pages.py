"""Every page as owner, reader, stranger and nobody; the pages come from the list of routes itself."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from ingest.api.paging import seal
from ingest.pages.endpoint import DataEndpoint, OpenEndpoint, PageEndpoint
from ingest.pages.render import HEADERS, TEMPLATES
from ingest.pages.routes import PAGE_ROUTES
from ingest.pages.static_files import PATH
from tests.ingest.api.cast import Api
from tests.ingest.api.test_tenants import World, a_world, everything, secrets_of
from tests.ingest.pages.browsing import Person, browsing

# A page that shows nothing but how to change something.
NOTHING_BUT_A_FORM = {"/monitors/new"}
# What a script always asks with.
QUERIES = {"/monitors/{id}/data/points": "?key=planted_metric"}


def address(route: Route, world: World) -> str:
    kind = route.path.split("/")[1]
    named = {
        "id": {
            "channels": world.channel,
            "keys": str(world.key),
            "deliveries": world.delivery,
            "maintenance": world.window,
        }.get(kind, world.monitor),
        "alertId": world.alert,
        "pingId": str(world.ping),
        "key": "planted_metric",
    }
    path = re.sub(r"\{(\w+)(:\w+)?\}", lambda found: named[found[1]], route.path)
    return path + QUERIES.get(route.path, "")


def walks(method: str) -> list[Route]:
    """The pages for those who are signed in, by what they answer."""
    return [
        route
        for route in PAGE_ROUTES
        if isinstance(route.endpoint, PageEndpoint | DataEndpoint) and method in (route.methods or ())
    ]


def test_every_route_is_of_a_kind_that_knows_who_calls() -> None:
    known = (PageEndpoint, DataEndpoint, OpenEndpoint)
    assert [route.path for route in PAGE_ROUTES if not isinstance(route.endpoint, known)] == [PATH]


async def test_nobody_sees_or_does_anything(api: Api) -> None:
    world = await a_world(api)
    before = await everything(api)
    async with browsing(api) as person:
        for route in walks("GET"):
            check_way_in(route, await person.see(address(route, world)))
        for route in walks("POST"):
            check_way_in(route, await person.send(address(route, world), name="x"))
    assert await everything(api) == before


def check_way_in(route: Route, reply: httpx.Response) -> None:
    if isinstance(route.endpoint, DataEndpoint):
        assert reply.status_code == 401, route.path
        return
    assert reply.status_code == 303, route.path
    assert reply.headers["location"].startswith("/sign-in"), route.path
    assert "planted" not in reply.text


async def test_a_stranger_finds_nothing_of_others(api: Api) -> None:
    world = await a_world(api)
    before, hidden = await everything(api), [*await secrets_of(api), "planted"]
    async with browsing(api, "stranger") as person:
        for route in walks("GET"):
            reply = await person.see(address(route, world))
            assert reply.status_code == (404 if "{" in route.path else 200), (route.path, reply.text)
            shown = reply.text.replace("planted_metric", "") if "{key" in route.path else reply.text
            assert not [one for one in hidden if one in shown], route.path
        for route in walks("POST"):
            if "{" in route.path:
                reply = await person.send(address(route, world), name="taken")
                assert reply.status_code == 404, (route.path, reply.text)
    assert await everything(api) == before


async def test_a_reader_sees_all_but_secrets_and_changes_nothing(api: Api) -> None:
    world = await a_world(api)
    before, secrets = await everything(api), await secrets_of(api)
    async with browsing(api, "reader") as person:
        for route in walks("GET"):
            reply = await person.see(address(route, world))
            assert reply.status_code == (403 if route.path in NOTHING_BUT_A_FORM else 200), route.path
            assert not [one for one in secrets if one in reply.text], route.path
        for route in walks("POST"):
            assert (await person.send(address(route, world), name="x")).status_code == 403, route.path
    assert await everything(api) == before


async def test_every_page_keeps_the_browser_from_doing_more_than_it_needs(api: Api) -> None:
    world = await a_world(api)
    async with browsing(api, "owner") as person:
        for route in PAGE_ROUTES:
            if "GET" in (route.methods or ()) and route.path != PATH:
                reply = await person.see(address(route, world))
                assert {name: reply.headers.get(name) for name in HEADERS} == dict(HEADERS), route.path
    assert "unsafe" not in HEADERS["content-security-policy"]


async def test_only_over_https_is_said_what_browsers_heed_only_there(api: Api) -> None:
    async with browsing(api) as person:
        for scheme, said in (("http", None), ("https", "same-origin")):
            reply = await person.client.get("/sign-in", headers={"x-forwarded-proto": scheme})
            assert reply.headers.get("cross-origin-opener-policy") == said


async def test_a_reader_is_asked_nothing_that_only_others_may_do(api: Api) -> None:
    world = await a_world(api)
    async with browsing(api, "reader") as person:
        for path in (f"/monitors/{world.monitor}/delete", f"/keys/{world.key}/revoke"):
            assert '<button class="danger" disabled>' in (await person.see(path)).text, path


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_template_has_inline_scripts_styles_or_unescaped_values(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|\|\s*safe\b|autoescape", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


def test_every_form_that_changes_something_carries_the_token() -> None:
    for path in TEMPLATES.glob("*.html"):
        for form in re.findall(
            r"<form[^>]*method=\"post\".*?</form>", path.read_text(encoding="utf-8"), re.DOTALL
        ):
            assert "ui.token(form_token)" in form, (path.name, form[:80])


async def test_a_file_of_the_present_version_is_kept_for_ever_and_another_is_not(api: Api) -> None:
    async with browsing(api) as person:
        sheet = re.findall(r'href="(/static/\w+/style.css)"', (await person.see("/sign-in")).text)[0]
        kept = await person.see(sheet)
        old = await person.see("/static/000000000000/style.css")
        missing = await person.see("/static/0/..%2Frender.py")
    assert "immutable" in kept.headers["cache-control"]
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")
    assert missing.status_code == 404


async def test_a_bad_form_is_shown_again_with_what_was_typed_and_what_is_wrong(api: Api) -> None:
    async with browsing(api, "owner") as person:
        reply = await person.send("/channels", name="mine", url="ftp://example.org")
    assert reply.status_code == 422
    assert 'value="mine"' in reply.text
    assert 'id="url-said"' in reply.text
    assert 'aria-invalid="true"' in reply.text


async def test_deliveries_keep_the_channel_that_was_chosen_from_page_to_page(api: Api) -> None:
    channel = await api.channel(name="on call")
    async with browsing(api, "owner") as person:
        first = (await person.see(f"/deliveries?channel={channel['id']}&limit=1")).text
        cursor = {"channel": channel["id"], "limit": "1", "cursor": seal("1")}
        later = (await person.client.get("/deliveries", params=cursor)).text
    for page in (first, later):
        assert f'<option value="{channel["id"]}" selected>on call</option>' in page


async def test_a_delivery_leads_to_its_channel_and_to_the_incidents_of_its_monitor(api: Api) -> None:
    world = await a_world(api)
    async with browsing(api, "owner") as person:
        page = (await person.see(f"/deliveries/{world.delivery}")).text
    assert f'href="/channels/{world.channel}"' in page
    assert f'href="/monitors/{world.monitor}/incidents"' in page


async def flood(person: Person) -> int:
    body = b"name=" + b"x" * 70_000
    headers = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    return (await person.client.post("/keys", content=body, headers=headers)).status_code


async def test_what_is_no_form_is_refused(api: Api) -> None:
    async with browsing(api, "owner") as person:
        assert await flood(person) == 413
        headers = {"sec-fetch-site": "same-origin"}
        assert (await person.client.post("/keys", content=b"\xff=\xff", headers=headers)).status_code == 422
        many = b"&".join(b"a=1" for _ in range(3000))
        assert (await person.client.post("/keys", content=many, headers=headers)).status_code == 422
