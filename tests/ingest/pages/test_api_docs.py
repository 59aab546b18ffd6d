"""The page about the API: all of it, for everybody, with calls that lead here."""

from __future__ import annotations

import re
from html import unescape

from ingest.pages.api_types import said
from tests.ingest.api.cast import Api
from tests.ingest.pages.looking import Looker


async def seen(api: Api, **headers: str) -> str:
    reply = await api.nobody.get("/docs", headers=headers)
    assert reply.status_code == 200
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    return reply.text


async def test_every_operation_is_shown_with_its_parameters_and_its_statuses(api: Api) -> None:
    document = (await api.nobody.get("/openapi.json")).json()
    page = await seen(api)

    for path, methods in document["paths"].items():
        for one in methods.values():
            shown = page.split(f'id="{one["operationId"]}"')[1].split("</article>")[0]
            assert path in shown
            for parameter in one.get("parameters", ()):
                assert f"<code>{parameter['name']}</code>" in shown
            for status in one["responses"]:
                assert f"<code>{status}</code>" in shown
    for name in document["components"]["schemas"]:
        assert f'id="type-{name}"' in page


async def test_every_link_within_the_page_leads_somewhere(api: Api) -> None:
    page = await seen(api)

    there = re.findall(r'id="([^"]+)"', page)
    assert len(there) == len(set(there))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(there)


async def test_nothing_on_it_comes_from_elsewhere_and_it_has_no_script_of_its_own(api: Api) -> None:
    page = await seen(api)

    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    assert page.count("<script") == 1  # the one that all pages have
    assert "<style" not in page
    assert " style=" not in page


async def test_the_calls_lead_to_where_the_caller_found_us(api: Api) -> None:
    page = unescape(await seen(api, host="watch.example.org:8443"))

    assert (
        '''curl "http://watch.example.org:8443/api/monitors" -H "x-api-key: $API_KEY" -d '{"name"''' in page
    )
    assert "here.invalid" not in page
    hostile = await seen(api, host='"><script>alert(1)</script>')
    assert "<script>alert" not in hostile


async def test_a_call_that_is_shown_works(api: Api) -> None:
    page = unescape(await seen(api))
    found = re.search(r"curl \"(\S+/api/monitors)\" -H \"x-api-key: \$API_KEY\" -d '(.*?)'", page)
    assert found is not None

    reply = await api.owner.post(found[1], content=found[2])

    assert reply.status_code == 201


async def test_who_is_signed_in_has_the_way_to_the_other_pages(api: Api, owner: Looker) -> None:
    page = (await owner.client.get("/docs")).text

    assert 'href="/channels"' in page
    assert 'href="/channels"' not in await seen(api)
    assert 'href="/docs"' in (await owner.client.get("/plan")).text


def words(schema: dict[str, object]) -> str:
    return "".join(piece.text for piece in said(schema))


def test_what_a_schema_allows_is_said_in_words() -> None:
    assert words({"type": "integer", "minimum": 1, "maximum": 1000}) == "whole number, 1 to 1,000"
    assert words({"type": "string", "minLength": 1}) == "text, not empty"
    assert words({"type": "string", "format": "uuid"}) == "id (UUID)"
    assert words({"enum": ["up", "down", ""]}) == "up, down"
    assert words({"anyOf": [{"$ref": "#/components/schemas/Burst"}, {"type": "null"}]}) == "Burst or null"
    assert words({"type": "array", "items": {"type": "number"}, "maxItems": 3}) == (
        "list of number, at most 3 entries"
    )
    assert words({"type": "object", "additionalProperties": {"type": "string"}}) == "object, each value text"
    assert words({}) == "anything"
