"""The page about the API in a real browser: wide and narrow, light and dark, without scripts and with them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visitor import Visitor
from tests.system.house import House


@pytest.mark.parametrize(
    ("width", "dark", "scripts"),
    [
        (1440, False, False),
        pytest.param(390, True, True, marks=pytest.mark.slow),  # axe looks at some ten thousand elements
    ],
)
def test_it_can_be_read_anywhere(
    browser: Browser, house: House, width: int, dark: bool, scripts: bool
) -> None:
    visitor = Visitor(browser, house.url, width=width, dark=dark, scripts=scripts)
    page = visitor.page
    page.goto("/sign-in")
    page.get_by_role("link", name="API", exact=True).click()

    expect(page.get_by_role("heading", name="The API")).to_be_visible()
    contents = page.get_by_role("navigation", name="Contents")
    contents.get_by_role("link", name="Monitors", exact=True).click()
    expect(page.get_by_role("heading", name="Monitors", exact=True)).to_be_in_viewport()
    page.locator("#monitors_create").get_by_role("link", name="MonitorReply").click()
    expect(page.locator("#type-MonitorReply")).to_be_in_viewport()

    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    if scripts:
        assert visitor.faults() == []
    visitor.close()
