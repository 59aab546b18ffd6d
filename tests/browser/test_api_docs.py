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


# What is told of the same kind again and again: two operations of a section and three types stand for all of them.
ONLY_SOME = """() => {
  for (const section of document.querySelectorAll('.chapters section'))
    [...section.querySelectorAll('article')].slice(section.id === 'types' ? 3 : 2).forEach(one => one.remove());
  document.querySelectorAll('section:nth-of-type(n+4):not(#types)').forEach(one => one.remove());
  document.querySelectorAll('details').forEach(one => one.open = true);
}"""


def test_a_sample_of_it_has_no_serious_fault_light_or_dark(browser: Browser, house: House) -> None:
    """The whole of it takes axe five seconds."""
    visitor = Visitor(browser, house.url, width=390)
    visitor.page.goto("/docs")
    visitor.page.evaluate(ONLY_SOME)
    expect(visitor.page.locator("article.operation")).to_have_count(6)
    for scheme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=scheme)
        assert visitor.faults() == [], scheme
    visitor.close()
