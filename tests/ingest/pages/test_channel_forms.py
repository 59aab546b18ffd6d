"""Channels as pages, without scripts: each kind made, changed, tried, and its secrets never shown again."""

from __future__ import annotations

from pathlib import Path

from tests.ingest.api.cast import Api, api_on_stage
from tests.ingest.api.test_channel_kinds import MAIL, SLACK
from tests.ingest.pages.browsing import browsing
from tests.stage import Stage


async def test_a_form_for_each_kind_makes_that_kind(stage: Stage, data: Path, people: dict[str, str]) -> None:
    async with api_on_stage(stage.live, data, people, **MAIL) as api, browsing(api, "owner") as person:
        made = await person.send(
            "/channels",
            type="webhook",
            name="hook",
            url="https://example.org",
            headers="X-Token: s3cret\r\nX-Team: a:b",
            default="on",
        )
        assert (made.status_code, "whsec_" in made.text) == (201, True)
        mail = await person.send(
            "/channels", type="email", name="mail", to="a@example.org, b@example.org", burst_size="3"
        )
        chat = await person.send("/channels", type="apprise", name="chat", url=SLACK, default="on")
        assert (mail.status_code, chat.status_code) == (303, 303)
        listed = (await api.owner.get("/api/channels")).json()["channels"]
        page = (await person.see("/channels")).text
    assert [(one["type"], one["isDefault"], one["burst"]) for one in listed] == [
        ("webhook", True, None),
        ("email", False, {"size": 3, "windowSeconds": 60}),
        ("apprise", True, None),
    ]
    assert listed[0]["headers"] == {"x-token": "***", "x-team": "***"}
    assert listed[1]["to"] == ["a@example.org", "b@example.org"]
    assert "TIiajk" not in page


async def test_without_a_mail_server_the_page_says_who_can_help(api: Api) -> None:
    async with browsing(api, "owner") as person:
        assert "OVERDUE_SMTP_URL" in (await person.see("/channels")).text
        sent = await person.send("/channels", type="email", name="mail", to="a@example.org")
    assert sent.status_code == 422


async def test_a_channel_is_changed_and_what_is_secret_stays_if_it_is_not_typed(api: Api) -> None:
    async with browsing(api, "owner") as person:
        hook = await api.channel(headers={"authorization": "s3cret"})
        path = f"/channels/{hook['id']}"
        page = (await person.see(path)).text
        assert "s3cret" not in page
        assert "authorization: ***" in page
        changed = await person.send(
            path, name="night", url="https://example.org/b", headers="authorization: ***", burst_size="7"
        )
        assert changed.headers["location"] == f"{path}?said=changed"
        shown = (await api.owner.get(f"/api{path}")).json()
        made = await api.owner.post("/api/channels", json={"type": "apprise", "name": "chat", "url": SLACK})
        await person.send(f"/channels/{made.json()['id']}", name="chat 2", url="", default="on")
        kept = await api.book.rows("SELECT name, settings FROM channels ORDER BY id")
    assert (shown["name"], shown["isDefault"], shown["burst"]["size"]) == ("night", False, 7)
    assert "s3cret" in kept[0]["settings"]
    assert (kept[1]["name"], SLACK in kept[1]["settings"]) == ("chat 2", True)


async def test_a_bad_change_is_shown_again_with_what_was_typed(api: Api) -> None:
    async with browsing(api, "owner") as person:
        hook = await api.channel()
        for fields, said in (
            ({"name": "x", "url": "ftp://x"}, "url-said"),
            ({"name": "x", "url": "https://example.org", "headers": "no colon"}, "headers-said"),
            ({"name": "x", "url": "https://example.org", "burst_size": "many"}, 'role="alert"'),
        ):
            reply = await person.send(f"/channels/{hook['id']}", **fields)
            assert (reply.status_code, said in reply.text) == (422, True), fields
            assert 'value="x"' in reply.text


async def test_a_new_secret_is_asked_about_and_shown_once(api: Api) -> None:
    async with browsing(api, "owner") as person:
        hook = await api.channel()
        asked = await person.see(f"/channels/{hook['id']}/rotate")
        assert "For a day" in asked.text
        made = await person.send(f"/channels/{hook['id']}/rotate")
        assert "whsec_" in made.text
        assert hook["secret"] not in made.text
        assert "whsec_" not in (await person.see(f"/channels/{hook['id']}")).text


async def test_a_second_new_secret_within_a_day_is_asked_about_again(api: Api) -> None:
    async with browsing(api, "owner") as person:
        path = f"/channels/{(await api.channel())['id']}/rotate"
        await person.send(path)
        asked = await person.send(path)
        assert (asked.status_code, "whsec_" in asked.text) == (409, False)
        assert 'role="alert"' in asked.text
        assert "?force=true" not in asked.text
        assert 'name="force" value="true"' in asked.text
        assert "whsec_" in (await person.send(path, force="true")).text


async def test_a_trial_leads_to_its_delivery(api: Api) -> None:
    async with browsing(api, "owner") as person:
        hook = await api.channel()
        sent = await person.send(f"/channels/{hook['id']}/test")
        assert sent.status_code == 303
        page = (await person.see(sent.headers["location"])).text
    assert 'href="/deliveries/' in page
