"""Pages that are open while Overdue is told to stop."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from store.clock import monotonic_ms
from tests.browser.visitor import Visitor
from tests.system.api import Api
from tests.system.house import ADMIN_KEY, House, keeping_house


def stop_ms(house: House) -> int:
    started_ms = monotonic_ms()
    assert house.stop() == 0
    return monotonic_ms() - started_ms


@pytest.mark.slow
def test_an_open_page_never_delays_a_shutdown(browser: Browser, tmp_path: Path) -> None:
    with keeping_house(tmp_path) as house:
        alone_ms = stop_ms(house)
        house.start()
        api = Api(house.url)
        monitor = api.monitor(interval_s=3600)
        api.close()
        visitors = [Visitor(browser, house.url) for _ in range(2)]
        for visitor, path in zip(visitors, ("/", f"/monitors/{monitor['id']}"), strict=True):
            visitor.sign_in(ADMIN_KEY)
            with visitor.page.expect_response("**/data/*"):  # its script has begun to ask
                visitor.page.goto(path)
                expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
        assert stop_ms(house) < alone_ms + 1500
        for visitor in visitors:
            visitor.page.goto("about:blank")
            visitor.complaints.clear()  # that nobody answered any more
            visitor.close()
