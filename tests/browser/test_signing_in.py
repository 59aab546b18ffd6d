"""The way in and out, as people take it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.system.api import Api
from tests.system.house import ADMIN_KEY


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
    expect(page.locator("#key-said")).to_have_text("This is no valid API key.")


def test_who_has_signed_out_is_out(visitor: Visitor) -> None:
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()
    visitor.page.goto("/")
    expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()


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
