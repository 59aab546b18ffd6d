"""The page of a monitor in a real browser: what turns up by itself, charts, threshold alerts, changes."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.visitor import Visitor
from tests.system.api import Api, Json
from tests.system.house import ADMIN_KEY, House

EVIL = "<img src=x onerror=\"console.error('evil')\"><script>console.error('evil')</script>"


@pytest.fixture
def monitor(api: Api) -> Json:
    return api.monitor(interval_s=3600, grace_s=600, name=f"job {uuid4()}")


def send(monitor: Json, figures: Json | None = None, agent: str = "tests") -> None:
    """A ping with figures."""
    body = None if figures is None else json.dumps(figures).encode()
    reply = httpx.post(monitor["pingUrl"], content=body, headers={"user-agent": agent}, trust_env=False)
    assert reply.status_code == 200, reply.text


def opened(visitor: Visitor, monitor: Json) -> Page:
    visitor.page.goto(f"/monitors/{monitor['id']}")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    return visitor.page


def chart(page: Page, key: str) -> Locator:
    return page.locator("figure.chart").filter(has=page.get_by_role("heading", name=key, exact=True))


def test_a_ping_turns_up_without_a_reload_and_so_do_its_charts(visitor: Visitor, monitor: Json) -> None:
    page = opened(visitor, monitor)
    expect(page.locator(".state .status")).to_have_text("new")
    page.evaluate("window.isTheSamePage = true")
    send(monitor, {"rows": 41, "state": "calm"}, agent="first-worker/1.0")
    expect(page.locator(".pings")).to_contain_text("first-worker/1.0")
    expect(page.locator(".state .status")).to_have_text("up")
    expect(page.locator("[data-until]")).to_contain_text("in 1 h 9 min")
    expect(chart(page, "rows").locator(".summary")).to_contain_text("41")
    expect(chart(page, "state").locator(".summary")).to_contain_text("calm")
    page.locator("details.ping > summary").first.click()
    expect(page.locator("details.ping pre").first).to_have_text('{"rows": 41, "state": "calm"}')
    send(monitor, {"rows": 43, "bytes": 5})
    expect(chart(page, "rows").locator(".summary")).to_contain_text("max 43")
    expect(chart(page, "bytes").locator("canvas")).to_be_visible()
    expect(page.locator("details.ping[open] pre")).to_be_visible()
    assert page.evaluate("window.isTheSamePage")


def test_what_is_tolerated_and_why_a_run_failed_can_be_read_on_a_phone(visitor: Visitor, api: Api) -> None:
    asked = {"failuresBeforeAlert": 2, "maxRuntime": 3600, "reminderInterval": 600}
    monitor = api.post("/api/monitors", {"name": "nightly backup", "interval": 86_400, **asked})
    httpx.get(f"{monitor['pingUrl']}/255?duration_ms=12345678", trust_env=False)
    visitor.page.set_viewport_size({"width": 360, "height": 800})
    page = opened(visitor, monitor)
    tolerated = page.locator(".several > span")
    expect(tolerated).to_have_text(["2 failures in a row", "runs up to 1 h", "reminder every 10 min"])
    failed = page.locator(".pings .tag.failed")
    expect(failed).to_contain_text("exit code 255")
    assert failed.evaluate("one => one.parentElement.scrollWidth <= one.parentElement.clientWidth")
    apart = """spans => spans.every((one, at) => !at || one.offsetTop > spans[at - 1].offsetTop
        || one.offsetLeft > spans[at - 1].offsetLeft + spans[at - 1].offsetWidth + 4)"""
    assert tolerated.evaluate_all(apart)


def test_a_chart_says_what_is_under_the_cursor_and_under_the_arrow_keys(
    visitor: Visitor, monitor: Json
) -> None:
    send(monitor, {"rows": 41.5})
    page = opened(visitor, monitor)
    # The last one that comes, and it moves the others.
    expect(chart(page, "Lateness").locator("canvas")).to_be_visible()
    over = chart(page, "rows").locator(".u-over")
    over.hover()
    expect(over.locator(".tip")).to_be_visible()
    expect(over.locator(".tip b")).to_have_text("41.5")
    expect(over.locator(".tip span").first).to_contain_text(re.compile(r"\d\d:\d\d:\d\d"))
    page.mouse.move(0, 0)
    expect(over.locator(".tip")).to_be_hidden()
    page.locator("#ranges input:checked").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    expect(over.locator(".tip")).to_be_visible()
    expect(over.locator(".tip b")).to_have_text("41.5")


def test_the_range_of_the_charts_is_chosen_by_key_and_remembered(visitor: Visitor, monitor: Json) -> None:
    send(monitor, {"rows": 1})
    page = opened(visitor, monitor)
    plot = chart(page, "rows").locator(".plot")
    expect(plot).to_have_attribute("aria-label", re.compile("last 24 hours: 1 "))
    page.get_by_role("radio", name="24 h").focus()
    page.keyboard.press("ArrowRight")
    expect(plot).to_have_attribute("aria-label", re.compile("last 72 hours"))
    page.reload()
    expect(plot).to_have_attribute("aria-label", re.compile("last 72 hours"))
    page.get_by_text("6 h", exact=True).click()
    expect(plot).to_have_attribute("aria-label", re.compile("last 6 hours"))


def test_a_range_that_cannot_be_loaded_is_asked_for_now_and_then(visitor: Visitor, monitor: Json) -> None:
    send(monitor, {"rows": 1})
    page = opened(visitor, monitor)
    plot = chart(page, "rows").locator(".plot")
    expect(plot).to_have_attribute("aria-label", re.compile("last 24 hours: 1 "))
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503)

    page.route("**/data/points*", refuse)
    page.get_by_text("72 h", exact=True).click()
    page.wait_for_timeout(2000)  # what is not to happen has this long
    assert 1 <= len(asked) < 5
    page.unroute("**/data/points*")
    expect(plot).to_have_attribute("aria-label", re.compile("last 72 hours: 1 "))
    visitor.complaints[:] = [one for one in visitor.complaints if "503" not in one]


def test_who_is_signed_out_asks_for_no_other_range(visitor: Visitor, monitor: Json) -> None:
    send(monitor, {"rows": 1})
    page = opened(visitor, monitor)
    expect(chart(page, "rows").locator("canvas")).to_be_visible()
    page.context.clear_cookies()
    expect(page.locator("#trouble")).to_contain_text("You are signed out.")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_text("72 h", exact=True).click()
    page.wait_for_timeout(300)
    assert asked == []
    assert all("401" in one for one in visitor.complaints)
    visitor.complaints.clear()


def test_the_way_to_all_pings_turns_up_with_the_ping_that_has_no_room(
    visitor: Visitor, monitor: Json
) -> None:
    for _ in range(20):
        send(monitor)
    page = opened(visitor, monitor)
    expect(page.locator(".pings li")).to_have_count(20)
    expect(page.get_by_role("link", name="All pings")).to_have_count(0)
    send(monitor)
    expect(page.get_by_role("link", name="All pings")).to_be_visible()


def test_a_threshold_alert_is_made_breached_and_deleted(visitor: Visitor, monitor: Json) -> None:
    send(monitor, {"rows": 1})
    page = opened(visitor, monitor)
    page.get_by_text("New alert").click()
    page.get_by_label("Metric", exact=True).fill("rows")
    page.get_by_label("is", exact=True).select_option(">")
    page.get_by_label("Threshold", exact=True).fill("many")
    page.get_by_label("breaches in a row").fill("2")
    page.get_by_role("button", name="Create alert").click()
    expect(page.locator("#threshold-said")).to_have_text("Only a number can be compared with >.")
    expect(page.get_by_label("Metric", exact=True)).to_have_value("rows")
    page.get_by_label("Threshold", exact=True).fill("100")
    page.get_by_role("button", name="Create alert").click()
    expect(page.locator(".rules")).to_contain_text("rows > 100")
    expect(chart(page, "rows").locator(".chart-rules")).to_have_text("alert if > 100")
    for breaches in ("streak 1 of 2", "streak 2"):
        send(monitor, {"rows": 101})
        expect(page.locator(".rules .streak")).to_have_text(breaches)
    expect(page.locator(".rules .status")).to_have_text("open")
    expect(page.locator(".timeline li.open")).to_contain_text("rows")
    page.get_by_role("group").get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete this alert").click()
    expect(page.locator("#alerts")).to_contain_text("None yet")


def test_edit_pause_and_delete(visitor: Visitor, monitor: Json) -> None:
    page = opened(visitor, monitor)
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Every", exact=True).fill("90")
    page.get_by_label("Unit of: Every").select_option("minutes")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".tiles")).to_contain_text("1 h 30 min")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".state .status")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".state .status")).to_have_text("new")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete this monitor").click()
    expect(page.get_by_role("status").filter(has_text="1 monitor deleted.")).to_be_visible()
    assert monitor["name"] not in page.content()


def test_it_can_be_read_and_changed_without_scripts(browser: Browser, house: House, monitor: Json) -> None:
    send(monitor, {"rows": 41})
    plain = Visitor(browser, house.url, scripts=False)
    plain.sign_in(ADMIN_KEY)
    page = opened(plain, monitor)
    for _ in range(50):
        if page.locator(".pings li").count():
            break
        page.reload()
    expect(page.locator(".values")).to_contain_text("rows")
    page.get_by_text("How a job pings").click()
    page.get_by_text("systemd", exact=True).click()
    expect(page.locator("#panel-6")).to_contain_text("ExecStartPost")
    page.locator("details.ping > summary").click()
    page.get_by_role("link", name="What came with it").click()
    expect(page.locator("body")).to_have_text('{"rows": 41}')
    page.go_back()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_role("button", name="Delete this monitor")).to_be_visible()
    plain.close()


def test_a_bad_schedule_is_told_once_until_it_is_typed_anew(visitor: Visitor) -> None:
    page = visitor.page
    page.goto("/monitors/new")
    page.get_by_label("Name").fill("job")
    page.get_by_label("by a schedule").check()
    page.get_by_label("Schedule", exact=True).fill("0 99 * * *")
    expect(page.locator(".preview .error")).to_be_visible()
    page.get_by_role("button", name="Create monitor").click()
    expect(page.locator("#schedule-said.error")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.locator(".error")).to_have_count(1)
    page.get_by_label("Schedule", exact=True).fill("0 9 * * *")
    expect(page.locator(".preview li")).to_have_count(5)
    expect(page.locator(".error, [aria-invalid]")).to_have_count(0)


def test_nothing_that_is_stored_becomes_part_of_the_page(visitor: Visitor, api: Api) -> None:
    asked = {"name": EVIL, "interval": 3600, "tags": ["<b>tag</b>"]}
    monitor = api.post("/api/monitors", asked)
    for figures in ({EVIL: 1, "text": EVIL, "..": 1e308, "__proto__": -1e308}, {EVIL: 2, "..": -1e308}):
        send(monitor, figures, agent=EVIL)
    channel = api.post("/api/channels", {"type": "webhook", "name": EVIL, "url": "https://example.org"})
    rule = {"metricKey": EVIL, "operator": ">", "threshold": 0, "channelId": channel["id"]}
    api.post(f"/api/monitors/{monitor['id']}/metric-alerts", rule)
    page = opened(visitor, monitor)
    send(monitor, {EVIL: 3}, agent=EVIL)
    expect(page.locator(".timeline")).to_contain_text(EVIL)
    expect(chart(page, EVIL).locator("canvas")).to_be_visible()
    expect(chart(page, "text").locator(".summary")).to_contain_text(EVIL)
    chart(page, "..").locator(".u-over").hover()
    page.locator("details.ping > summary").first.click()
    expect(page.locator("details.ping[open]")).to_contain_text(EVIL)
    assert page.locator("main img, main script, main b:text-is('tag')").count() == 0
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    api.delete(f"/api/channels/{channel['id']}")


@pytest.mark.parametrize(("width", "dark"), [(390, False), pytest.param(1440, True, marks=pytest.mark.slow)])
def test_it_has_no_serious_fault_for_those_who_cannot_see_it(
    browser: Browser, house: House, monitor: Json, width: int, dark: bool
) -> None:
    send(monitor, {"rows": 41, "state": "calm"})
    visitor = Visitor(browser, house.url, width=width, dark=dark)
    visitor.sign_in(ADMIN_KEY)
    page = opened(visitor, monitor)
    page.get_by_text("How a job pings").click()
    page.get_by_text("New alert").click()
    page.locator("details.ping > summary").first.click()
    expect(chart(page, "rows").locator("canvas")).to_be_visible()
    assert visitor.faults() == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for path in ("edit", "delete"):
        page.goto(f"/monitors/{monitor['id']}/{path}")
        assert visitor.faults() == []
    visitor.close()
