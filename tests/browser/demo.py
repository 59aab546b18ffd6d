"""Pictures for the README, of an Overdue that runs: `python -m tests.browser.demo --out docs/pictures`.

A house is started in a temporary folder and a small fleet made in it through the API. While it is stopped, the past
of some days is written with the recorder's own writers, and Redis emptied: what is true now is put in order from that.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, expect, sync_playwright

from store.clock import wall_ms
from tests.browser.conftest import QUIET
from tests.browser.demo_fleet import FLEET, RULES, Worker
from tests.browser.demo_past import write_the_past
from tests.browser.visitor import Visitor
from tests.system.api import Api
from tests.system.house import ADMIN_KEY, House

WIDTH = 1440
# What the label of a chart says once there is something in it.
DRAWN = re.compile("max ")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the folder for the pictures")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_house(Path(folder)) as (house, ids),
        chromium() as browser,
    ):
        monitor = f"/monitors/{ids[FLEET[0].name]}"
        take(browser, house, monitor, out / "monitor-light.png", height=1256)
        take(browser, house, "/", out / "fleet-dark.png", height=980, dark=True)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        yield browser
        browser.close()


@contextmanager
def demo_house(folder: Path) -> Iterator[tuple[House, dict[str, str]]]:
    """A running house with the fleet in it, and its monitors' ids by name."""
    house = House(folder)
    try:
        house.start()
        with closing(Api(house.url)) as api:
            made = {worker.name: _make(api, worker) for worker in FLEET}
            channel = api.post(
                "/api/channels", {"type": "webhook", "name": "On call", "url": "https://example.org/hook"}
            )
            first = made[FLEET[0].name]["id"]
            for rule in RULES:
                api.post(f"/api/monitors/{first}/metric-alerts", {**rule, "channelId": channel["id"]})
            for worker in FLEET:
                if worker.ends == "paused":
                    api.pause(made[worker.name]["id"])
        house.stop()
        write_the_past(house.data, wall_ms())
        shutil.rmtree(house.data / "appendonlydir")
        house.start()
        _ping_once(house, made)
        house.wait_until_quiet()
        yield house, {name: one["id"] for name, one in made.items()}
    finally:
        house.clean_up()


def take(
    browser: Browser,
    house: House,
    address: str,
    file: Path,
    *,
    height: int,
    width: int = WIDTH,
    dark: bool = False,
) -> None:
    """A picture of what somebody sees there."""
    visitor = Visitor(browser, house.url, width, dark)
    visitor.sign_in(ADMIN_KEY)
    visitor.page.set_viewport_size({"width": width, "height": height})
    visitor.page.goto(address)
    expect(visitor.page.locator("h1")).to_be_visible()
    for chart in visitor.page.locator(".plot").all():
        if (chart.bounding_box() or {"y": height})["y"] < height:
            expect(chart).to_have_attribute("aria-label", DRAWN)
    visitor.page.screenshot(path=file)
    visitor.close()


def _make(api: Api, worker: Worker) -> dict[str, Any]:
    asked = {
        "name": worker.name,
        "interval": worker.interval_s,
        "gracePeriod": worker.grace_s,
        "tags": list(worker.tags),
    }
    return api.post("/api/monitors", asked)


def _ping_once(house: House, made: dict[str, dict[str, Any]]) -> None:
    """Who is about to ping does so, now for real."""
    now_ms = wall_ms()
    for worker in FLEET:
        if worker.pings_on:
            path = made[worker.name]["pingUrl"].removeprefix(house.url)
            reply = httpx.post(
                house.url + path,
                content=worker.body_at(now_ms, now_ms),
                headers={"user-agent": worker.agent},
                trust_env=False,
            )
            assert reply.status_code == 200, reply.text


if __name__ == "__main__":
    main()
