"""Channels, keys, plan and incidents in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.visitor import Visitor
from tests.system.api import Api, Json
from tests.system.house import ADMIN_KEY, House
from tests.system.receiver import Receiver
from tests.system.waiting import until

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>{{7*7}}"


def webhook_form(page: Page) -> Locator:
    """The form for a webhook, opened."""
    form = page.locator("#webhook")
    if form.get_attribute("open") is None:
        form.locator("summary").click()
    return form


@pytest.fixture(scope="module")
def told(api: Api, receiver: Receiver) -> Iterator[Json]:
    """A monitor that is down: a channel with a long name cannot be told, and a receiver refuses in hostile words."""
    asked = {"type": "webhook", "name": "x" * 200, "url": "https://example.org/hook"}
    channel = api.post("/api/channels", asked)
    monitor = api.monitor(name=HOSTILE)
    receiver.says = HOSTILE
    receiver.refuse(monitor["id"], 1)
    api.ping_well(monitor["key"])

    def both_tried() -> bool:
        return len([one for one in api.deliveries(monitor["id"]) if one["attempts"]]) == 2

    until(both_tried, 15, "both channels are tried")
    yield monitor
    receiver.says = ""
    api.delete(f"/api/channels/{channel['id']}")
    api.delete(f"/api/monitors/{monitor['id']}")


def delivery_to_receiver(api: Api, monitor: Json) -> str:
    deliveries = api.deliveries(monitor["id"])
    return next(str(one["id"]) for one in deliveries if one["channel"]["name"] == "receiver")


def test_what_a_receiver_answers_is_shown_nowhere(visitor: Visitor, api: Api, told: Json) -> None:
    page = visitor.page
    for path in (f"/deliveries?monitor={told['id']}", f"/deliveries/{delivery_to_receiver(api, told)}"):
        page.goto(path)
        expect(page.get_by_role("link", name=HOSTILE).first).to_be_visible()  # the monitor's name, as a text
        expect(page.locator("main")).to_contain_text("500")
        assert page.locator("main img, main script").count() == 0
        assert page.locator("tbody tr").count() >= 1
        assert (
            "onerror"
            not in page.locator(
                "tbody [data-label='Answer'], tbody [data-label='Last answer']"
            ).first.inner_text()
        )


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


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["light", "dark"])
def test_no_page_has_a_serious_fault_or_is_wider_than_a_phone(
    browser: Browser, house: House, api: Api, told: Json, dark: bool
) -> None:
    visitor = Visitor(browser, house.url, width=390, dark=dark)
    visitor.sign_in(ADMIN_KEY)
    monitor, delivery = f"/monitors/{told['id']}", f"/deliveries/{delivery_to_receiver(api, told)}"
    of_monitor = (f"{monitor}/pings", f"{monitor}/incidents")
    channel = next(one["id"] for one in api.get("/api/channels")["channels"] if len(one["name"]) == 200)
    for path in (
        "/channels",
        f"/channels/{channel}",
        "/keys",
        "/plan",
        "/incidents",
        "/deliveries",
        delivery,
        *of_monitor,
        "/nowhere",
    ):
        visitor.page.goto(path)
        check(visitor)
    visitor.close()


def test_no_page_between_two_others_has_a_serious_fault_either(
    browser: Browser, house: House, told: Json
) -> None:
    visitor = Visitor(browser, house.url, width=390)
    visitor.sign_in(ADMIN_KEY)
    page = visitor.page
    page.get_by_role("checkbox", name=HOSTILE).first.check()
    page.get_by_role("button", name="Add tag").click()
    check(visitor)
    page.goto("/keys")
    page.get_by_label("Name").fill("walked over")
    page.get_by_role("button", name="Make the key").click()
    check(visitor)
    page.goto("/keys")
    follow(page, "Revoke walked over")
    check(visitor)
    page.get_by_role("button", name="Revoke it").click()
    page.goto("/channels")
    form = webhook_form(page)
    form.get_by_label("Name").fill("walked over")
    form.get_by_label("Address").fill("https://example.org/hook")
    form.get_by_role("button", name="Add the channel").click()
    check(visitor)
    page.goto("/channels")
    follow(page, "Delete walked over")
    check(visitor)
    page.get_by_role("button", name="Delete it").click()
    visitor.close()


def follow(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("walked over?")


def check(visitor: Visitor) -> None:
    page = visitor.page
    assert visitor.faults() == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, page.url
