"""A real browser on a real Overdue. Whatever a page logs as an error, or its content policy refuses, fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, StorageState, expect, sync_playwright

from tests.browser.visitor import Visitor
from tests.system.api import Api
from tests.system.house import ADMIN_KEY, House, keeping_house
from tests.system.receiver import Receiver, receiving

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # An address as people have it in their own network: neither HTTPS nor one of this machine.
    "--host-resolver-rules=MAP overdue.test 127.0.0.1",
)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window. Playwright's own event loop must be gone before other tests want one."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not installed (Debian's package chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One running Overdue for all tests here; each makes monitors of its own in it."""
    with keeping_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="package")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="package")
def api(house: House, receiver: Receiver) -> Iterator[Api]:
    """The same organisation as scripts see it; it has one channel, which tells the receiver."""
    api = Api(house.url)
    receiver.secret = api.channel(receiver.url)["secret"]
    yield api
    api.close()


@pytest.fixture
def stranger(browser: Browser, house: House) -> Iterator[Visitor]:
    """Somebody who is not signed in."""
    visitor = Visitor(browser, house.url)
    yield visitor
    visitor.close()


@pytest.fixture(scope="package")
def session(browser: Browser, house: House) -> StorageState:
    """Signed in once for all; whoever signs out again signs in for that."""
    visitor = Visitor(browser, house.url)
    visitor.sign_in(ADMIN_KEY)
    session = visitor.session()
    visitor.close()
    return session


@pytest.fixture
def visitor(browser: Browser, house: House, session: StorageState) -> Iterator[Visitor]:
    """Somebody who is signed in with the admin key, and sees the fleet."""
    visitor = Visitor(browser, house.url, session=session)
    visitor.page.goto("/")
    expect(visitor.page.get_by_role("button", name="Sign out")).to_be_visible()
    yield visitor
    visitor.close()
