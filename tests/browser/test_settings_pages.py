"""Channels, keys, plan and incidents in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.visitor import Visitor
from tests.system.api import Api
from tests.system.house import ADMIN_KEY, House

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>{{7*7}}"


def webhook_form(page: Page) -> Locator:
    """The form for a webhook, opened."""
    form = page.locator("#webhook")
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    return form


def test_a_channel_is_made_its_secret_shown_once_and_deleted_after_asking(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/channels")
    form = webhook_form(page)
    form.get_by_label("Name").fill(HOSTILE)
    form.get_by_label("Address").fill("https://example.org/hook?a=1")
    form.get_by_role("button", name="Add the channel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{HOSTILE} will be told")
    expect(page.locator("code", has_text="whsec_")).to_be_visible()
    page.get_by_role("link", name="Kept").click()
    row = page.locator("tr", has_text="onerror")
    expect(row).to_have_count(1)
    row.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("status")).to_have_text("The channel is deleted.")
    expect(page.locator("tr", has_text="onerror")).to_have_count(0)


def test_a_bad_address_is_said_so_beside_its_field(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/channels")
    form = webhook_form(page)
    form.get_by_label("Name").fill("on call")
    form.get_by_label("Address").fill("ftp://example.org")
    form.get_by_role("button", name="Add the channel").click()
    expect(form.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_label("Name")).to_have_value("on call")


def test_a_key_is_made_without_scripts_and_revoked(browser: Browser, house: House) -> None:
    visitor = Visitor(browser, house.url, scripts=False)
    visitor.sign_in(ADMIN_KEY)
    page = visitor.page
    page.goto("/keys")
    page.get_by_label("Name").fill("one for dashboards")
    page.get_by_label("May").select_option("read")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator(".copyable code").inner_text()
    page.get_by_role("link", name="Copied").click()
    page.locator("tr", has_text="one for dashboards").get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(page.locator("tr", has_text="one for dashboards")).to_contain_text("revoked")
    assert key.startswith("od_")
    visitor.close()


def test_moments_are_in_the_viewers_zone_and_in_utc_on_hover(visitor: Visitor, api: Api) -> None:
    visitor.page.goto("/keys")
    made = visitor.page.locator("time").first
    expect(made).to_have_attribute("data-local", "")
    assert "UTC" in (made.get_attribute("title") or "")
    assert "UTC" not in made.inner_text()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_page_has_a_serious_fault_or_is_wider_than_a_phone(
    browser: Browser, house: House, api: Api, dark: bool
) -> None:
    visitor = Visitor(browser, house.url, width=390, dark=dark)
    visitor.sign_in(ADMIN_KEY)
    made = {"type": "webhook", "name": "w" * 60, "url": "https://example.org/" + "x" * 80}
    channel = api.post("/api/channels", made)
    for path in (
        "/channels",
        f"/channels/{channel['id']}",
        "/keys",
        "/plan",
        "/incidents",
        "/deliveries",
        "/nowhere",
    ):
        visitor.page.goto(path)
        assert visitor.faults() == [], path
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390, path
    visitor.close()
