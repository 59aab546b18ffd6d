"""Somebody who looks at pages in a browser, and hears it when one of them complains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, StorageState, expect

AXE = Path(__file__).with_name("axe.min.js")
PATIENCE_MS = 10_000

# A form that is refused, a page that is not there: the browser logs these, and they are meant. Of what a script asks
# for by itself they are not.
_MEANT = ("the server responded with a status of 401", "of 403", "of 404", "of 409", "of 422", "of 429")


class Visitor:
    """One browser context with one page. `complaints`: console errors, refusals of the content policy, exceptions.

    `session` is that of somebody who has signed in before.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        width: int = 1440,
        dark: bool = False,
        scripts: bool = True,
        session: StorageState | None = None,
    ) -> None:
        self._context = browser.new_context(
            base_url=url,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            storage_state=session,
            timezone_id="Europe/Vilnius",
            locale="en-GB",
        )
        self._context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        self.complaints: list[str] = []
        self._documents: set[str] = set()
        self.page: Page = self._context.new_page()
        self.page.on("request", self._note_document)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def sign_in(self, key: str) -> None:
        self.page.goto("/sign-in")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def session(self) -> StorageState:
        """What keeps this visitor signed in."""
        return self._context.storage_state()

    def faults(self) -> list[str]:
        """What axe-core finds serious on the page that is shown, a line each."""
        # Evaluated by the debugger, which the page's content policy does not concern.
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"]
        ]

    def close(self) -> None:
        """Leave; an AssertionError if a page complained."""
        self._context.close()
        assert self.complaints == []

    def _note_document(self, request: Request) -> None:
        if request.is_navigation_request():
            self._documents.add(request.url)

    def _note(self, message: ConsoleMessage) -> None:
        address = message.location["url"]
        # Of a text that is no page the browser asks for an icon by itself.
        is_own = address in self._documents or address.endswith("/favicon.ico")
        is_meant = is_own and any(words in message.text for words in _MEANT)
        if message.type == "error" and not is_meant:
            self.complaints.append(f"{message.text} ({address})")
