"""The fleet as people see it: it turns up by itself, is found, ticked and changed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.visitor import Visitor
from tests.system.api import Api
from tests.system.house import ADMIN_KEY, House

HOSTILE = (
    """"'><img src=x onerror="document.title='broken'"><script>document.title='broken'</script>{{7*7}}"""
)


@pytest.fixture
def plain(browser: Browser, house: House) -> Iterator[Visitor]:
    """Somebody whose browser runs no scripts."""
    visitor = Visitor(browser, house.url, scripts=False)
    visitor.page.goto("/sign-in")
    visitor.page.get_by_label("API key").fill(ADMIN_KEY)
    visitor.page.get_by_role("button", name="Sign in").click()
    yield visitor
    visitor.close()


def look_again(page: Page) -> None:
    """What a browser says when somebody comes back to the page: it asks at once."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def tick(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("checkbox", name=name, exact=True).check()


def test_a_monitor_is_made_and_its_ping_turns_up_without_a_reload(visitor: Visitor, api: Api) -> None:
    page = visitor.page
    page.goto("/monitors/new")
    page.get_by_label("Name").fill("turns up")
    page.get_by_label("Every", exact=True).fill("7")
    page.get_by_label("Tags").fill("live, eu")
    page.route("**/monitors/*said=created", lambda route: route.fulfill(body="made"))
    page.get_by_role("button", name="Create monitor").click()
    page.wait_for_url("**/monitors/*said=created")

    page.goto("/?q=turns")
    page.evaluate("window.notReloaded = true")
    first = page.locator("#rows tr")
    expect(first).to_have_text(re.compile(r"new\s+turns up live eu\s+never"))
    (made,) = api.get("/api/monitors?q=turns")["monitors"]
    page.locator("#rows a", has_text="turns up").focus()
    api.ping_well(made["pingUrl"].rsplit("/", 1)[1])  # and here it is left to the page when it asks

    expect(first.locator(".status")).to_have_text("up")
    expect(first.locator(".ping")).to_contain_text(" s ago")
    expect(first.locator(".due")).to_contain_text("in 7 h")
    expect(page.locator('[data-count="up"]')).to_have_text("1")
    expect(page.get_by_role("link", name="turns up")).to_be_focused()

    api.monitor(name="turns out", interval_s=60)
    look_again(page)
    expect(page.locator("#rows tr")).to_have_count(2)
    api.post(f"/api/monitors/{made['id']}/pause", {})
    look_again(page)
    expect(page.locator("#rows tr").filter(has_text="turns up").locator(".status")).to_have_text("paused")
    assert page.evaluate("window.notReloaded") is True
    assert page.evaluate("document.querySelector('#rows time').title").count(":") == 4


def test_monitors_are_found_while_somebody_types_sorted_and_paged(visitor: Visitor, api: Api) -> None:
    for name in ("searched b", "searched a", "searched ü"):
        api.monitor(name=name, interval_s=3600)
    page = visitor.page
    page.goto("/")
    page.get_by_role("searchbox").type("Searched")
    expect(page.locator("#rows .name")).to_have_text(["searched a", "searched b", "searched ü"])
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("link", name="Name").click()
    page.get_by_role("link", name="Name").click()
    expect(page.locator("#rows .name")).to_have_text(["searched ü", "searched b", "searched a"])
    page.get_by_role("link", name="Down 0").click()
    expect(page.get_by_text("No monitor has Searched in its name and is down.")).to_be_visible()
    page.get_by_role("link", name="Show all monitors").click()
    expect(page.get_by_role("searchbox")).to_have_value("")


def test_many_are_ticked_and_changed_and_a_tick_survives_what_happens_meanwhile(
    visitor: Visitor, api: Api
) -> None:
    made = [api.monitor(name=f"many {number}", interval_s=3600) for number in range(4)]
    page = visitor.page
    page.goto("/?q=many")
    expect(page.locator("#bar")).to_be_hidden()
    tick(page, "many 0")
    page.get_by_role("checkbox", name="many 2").click(modifiers=["Shift"])
    expect(page.locator("#chosen")).to_have_text("3 ticked")
    api.ping_well(made[1]["key"])
    look_again(page)
    expect(page.locator("#rows tr").filter(has_text="many 1").locator(".status")).to_have_text("up")
    expect(page.locator("#chosen")).to_have_text("3 ticked")

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("3 monitors paused.")).to_be_visible()
    assert [api.status(one["id"]) for one in made] == ["paused", "paused", "paused", "new"]
    page.get_by_role("checkbox", name="Tick all on this page").check()
    page.get_by_label("Tag to add or remove").fill("swept")
    page.keyboard.press("Enter")
    expect(page.get_by_text("4 monitors tagged.")).to_be_visible()
    expect(page.locator("#rows .tag")).to_have_text(["swept"] * 4)

    tick(page, "many 1", "many 3")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".names li")).to_have_text(["many 3", "many 1"])  # the new one was above the paused
    page.get_by_role("button", name="Delete them").click()
    expect(page.locator("#rows .name > a:first-child")).to_have_text(["many 0", "many 2"])


def test_all_of_it_works_without_scripts(plain: Visitor, api: Api) -> None:
    for name in ("plain a", "plain b"):
        api.monitor(name=name, interval_s=3600)
    page = plain.page
    page.get_by_role("searchbox").fill("plain")
    page.get_by_role("button", name="Search").click()
    tick(page, "plain a", "plain b")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("2 monitors paused.")).to_be_visible()
    expect(page.locator("#rows .status")).to_have_text(["paused", "paused"])
    tick(page, "plain b")
    page.get_by_role("button", name="Add tag").click()
    page.get_by_label("Tag").fill("late")
    page.get_by_role("button", name="Add tag").click()
    expect(page.locator("#rows .tag")).to_have_text(["late"])
    tick(page, "plain a")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.locator("#rows .name > a:first-child")).to_have_text(["plain b"])


def test_hostile_names_and_tags_are_texts_also_when_they_turn_up_later(visitor: Visitor, api: Api) -> None:
    page = visitor.page
    api.monitor(name="first of the hostile", interval_s=3600)
    page.goto("/?q=hostile")
    api.post("/api/monitors", {"name": f"hostile {HOSTILE}", "interval": 3600, "tags": [HOSTILE[:50]]})
    look_again(page)
    link = page.get_by_role("link", name=f"hostile {HOSTILE}", exact=True)
    expect(link).to_be_visible()
    page.get_by_role("link", name=HOSTILE[:50], exact=True).click()
    expect(page.locator("#rows tr")).to_have_count(1)
    page.get_by_role("checkbox", name=f"hostile {HOSTILE}").check()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text(f"hostile {HOSTILE}")).to_be_visible()
    assert page.locator("main img, main script").count() == 0


def test_it_says_quietly_when_nobody_answers_and_goes_on_when_somebody_does(
    visitor: Visitor, api: Api
) -> None:
    made = api.monitor(name="unheard", interval_s=3600)
    page = visitor.page
    page.route("**/data/fleet*", lambda route: route.fulfill(status=503))
    visitor.page.goto("/?q=unheard")
    look_again(page)
    expect(page.locator("#live")).to_contain_text("No answer since")
    page.unroute("**/data/fleet*")
    api.ping_well(made["key"])
    look_again(page)
    expect(page.locator("#rows .status")).to_have_text("up")
    expect(page.locator("#live")).to_have_text("")
    visitor.complaints[:] = [one for one in visitor.complaints if "503" not in one]


def test_nothing_is_sent_again_that_the_page_knows(visitor: Visitor, api: Api) -> None:
    api.monitor(name="steady", interval_s=3600)
    answers: list[int] = []

    def note(response: Response) -> None:
        if "/data/fleet" in response.url:
            answers.append(response.status)

    visitor.page.on("response", note)
    visitor.page.goto("/?q=steady")
    # Others share this house: what they do may change the counts between two looks.
    while len(answers) < 2 or (answers[-1] != 304 and len(answers) < 8):
        with visitor.page.expect_response("**/data/fleet*"):
            look_again(visitor.page)
    assert (answers[0], answers[-1]) == (200, 304)


@pytest.mark.parametrize("dark", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_fleet_and_its_forms_have_no_serious_fault_for_those_who_cannot_see_them(
    browser: Browser, house: House, api: Api, dark: bool
) -> None:
    name = f"seen by all in the {'dark' if dark else 'light'}"
    api.monitor(name=name, interval_s=3600)
    visitor = Visitor(browser, house.url, width=390 if dark else 1440, dark=dark)
    visitor.sign_in(ADMIN_KEY)
    tick(visitor.page, name)
    assert visitor.faults() == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= (390 if dark else 1440)
    # The style of other pages is not that of this one.
    expect(visitor.page.locator("td.state").first).to_have_css("display", "block" if dark else "table-cell")
    expect(visitor.page.locator("svg.strip").first).to_have_css("height", "8px" if dark else "16px")
    expect(visitor.page.locator("td.ping").first).to_have_css("margin-left", "0px")
    visitor.page.get_by_role("button", name="Delete").click()
    assert visitor.faults() == []
    visitor.page.goto("/monitors/new")
    visitor.page.get_by_role("button", name="Create monitor").click()
    expect(visitor.page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    assert visitor.faults() == []
    visitor.close()
