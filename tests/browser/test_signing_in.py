"""The way in and out, as people take it."""

from __future__ import annotations

from playwright.sync_api import Browser, Request, expect

from tests.browser.visitor import Visitor
from tests.system.api import Api
from tests.system.house import ADMIN_KEY, House


def test_whoever_is_not_signed_in_is_shown_the_way_in_and_then_what_they_wanted(stranger: Visitor) -> None:
    page = stranger.page
    page.goto("/?q=seven")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("API key").fill(ADMIN_KEY)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/?q=seven")


def test_a_wrong_key_is_said_so_beside_its_field(stranger: Visitor) -> None:
    page = stranger.page
    page.goto("/sign-in")
    page.get_by_label("API key").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("API key")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#key-said")).to_have_text("This API key is not valid (or was revoked).")


def test_who_has_signed_out_is_out(stranger: Visitor) -> None:
    stranger.sign_in(ADMIN_KEY)
    stranger.page.get_by_role("button", name="Sign out").click()
    expect(stranger.page.get_by_role("heading", name="Sign in")).to_be_visible()
    stranger.page.goto("/")
    expect(stranger.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_session_ends_when_its_key_is_revoked(stranger: Visitor, api: Api) -> None:
    made = api.post("/api/keys", {"name": "for a while", "scope": "read"})
    stranger.sign_in(made["key"])
    expect(stranger.page.get_by_text("reads only")).to_be_visible()
    api.delete(f"/api/keys/{made['id']}")
    stranger.page.goto("/")
    expect(stranger.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_way_in_has_no_serious_fault_for_those_who_cannot_see_it(stranger: Visitor) -> None:
    stranger.page.goto("/sign-in")
    assert stranger.faults() == []


def test_over_plain_http_from_another_machine_forms_are_known_by_their_token_and_texts_are_copied(
    browser: Browser, house: House, api: Api
) -> None:
    monitor = api.monitor(interval_s=3600)
    visitor = Visitor(browser, house.url.replace("127.0.0.1", "overdue.test"))
    page = visitor.page
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    visitor.sign_in(ADMIN_KEY)
    page.goto(f"/monitors/{monitor['id']}")
    assert page.evaluate("navigator.clipboard") is None
    shown = page.locator(".ping-url code").inner_text()
    page.locator(".ping-url").get_by_role("button", name="Copy").click()
    expect(page.locator(".ping-url button")).to_have_text("Copied")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".state .status")).to_have_text("paused")
    page.goto("/monitors/new")
    page.get_by_label("Name").press("Control+V")
    expect(page.get_by_label("Name")).to_have_value(shown)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert len(sent) == 3
    for request in sent:
        headers = request.all_headers()
        assert "sec-fetch-site" not in headers
        assert headers.get("origin", "null") == "null"
    visitor.close()
