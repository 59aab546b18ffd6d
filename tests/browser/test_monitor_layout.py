"""How the page of a monitor is laid out, from a narrow telephone to a wide screen: nothing left over, nothing cut."""

from __future__ import annotations

import httpx
from playwright.sync_api import expect

from tests.browser.visitor import Visitor
from tests.system.api import Api

# How much of the tiles' place no tile covers, in pixels; the lines between them are one wide.
LEFT_OVER = """
const all = document.querySelector(".tiles"), tiles = [...all.children].map((one) => one.getBoundingClientRect());
const lines = new Set(tiles.map((one) => one.top)).size * 2 * all.clientHeight + 2 * tiles.length * all.clientWidth;
all.clientWidth * all.clientHeight - tiles.reduce((sum, one) => sum + one.width * one.height, 0) - lines;
"""
# The parts of pings of which not all is shown, but for user agents, which may be very long.
CUT = """
[...document.querySelectorAll(".ping > summary > :is(.at, .what), .ping .tag")]
  .filter((one) => one.scrollWidth > one.clientWidth && getComputedStyle(one).display !== "inline")
  .map((one) => one.textContent)
"""


def test_any_number_of_tiles_leaves_no_place_uncovered(visitor: Visitor, api: Api) -> None:
    plain = api.monitor(interval_s=3600, grace_s=600)
    tolerant = api.post("/api/monitors", {"name": "x", "failuresBeforeAlert": 3, "maxRuntime": 60})
    for monitor, tiles in ((plain, 4), (tolerant, 5)):
        visitor.page.goto(f"/monitors/{monitor['id']}")
        expect(visitor.page.locator(".tiles > div")).to_have_count(tiles)
        for width in (360, 500, 768, 1024, 1280, 1600):
            visitor.page.set_viewport_size({"width": width, "height": 900})
            assert visitor.page.evaluate(LEFT_OVER) <= 0, (tiles, width)


def test_what_a_ping_said_is_shown_whole_on_a_telephone(visitor: Visitor, api: Api) -> None:
    monitor = api.monitor(interval_s=3600, grace_s=600)
    for signal in ("255?duration_ms=86399000", "3?duration_ms=2020", "0?duration_ms=61500", "start"):
        reply = httpx.post(f"{monitor['pingUrl']}/{signal}", content=b"x", trust_env=False)
        assert reply.status_code == 200, reply.text
    for width in (360, 1280):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        visitor.page.goto(f"/monitors/{monitor['id']}/pings")
        for _ in range(50):
            if visitor.page.locator(".ping").count() == 4:
                break
            visitor.page.reload()
        expect(visitor.page.locator(".ping .tag", has_text="exit code 255")).to_be_visible()
        assert visitor.page.evaluate(CUT) == []
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
