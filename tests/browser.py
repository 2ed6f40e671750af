"""A real Chromium, without a window, as tests of pages use it: Debian's, driven by Playwright.

It notes what no page of ours may do: ask anybody else, do what its policy forbids, or fail in a script.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
"""


def chromium() -> str:
    """The program; without it the test is left out, but not in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "there is no chromium: apt-get install chromium"
        )
    return found


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser, as long as the context lasts."""
    program = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page of the console in a browser of its own.

    Attributes:
        page: The page.
        elsewhere: What was asked of anybody else.
        failures: What failed in a script, or was written to the console.
    """

    def __init__(
        self, browser: Browser, url: str, *, scheme: Literal["light", "dark"] = "light", width: int = 1280
    ) -> None:
        self.url = url
        self._context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 860}, reduced_motion="reduce"
        )
        self.page: Page = self._context.new_page()
        self.page.add_init_script(NOTE_VIOLATIONS)
        self.elsewhere: list[str] = []
        self.failures: list[str] = []
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("pageerror", lambda error: self.failures.append(str(error)))
        self.page.on("console", lambda message: self.failures.append(message.text))

    def _note(self, url: str) -> None:
        if not url.startswith((self.url, f"blob:{self.url}")):
            self.elsewhere.append(url)

    def open(self, view: str) -> Page:
        """Show a view, and wait until it is there and live."""
        self.page.goto(f"{self.url}#{view}")
        self.page.wait_for_selector("main h1")
        self.page.wait_for_selector("#connection.live")
        return self.page

    def grave(self) -> list[str]:
        """What axe finds that keeps people from using the page."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def violations(self) -> list[str]:
        """What the page's policy has forbidden."""
        return [str(one) for one in self.page.evaluate("window.violations ?? []")]

    def is_too_wide(self) -> bool:
        """Whether the page has to be moved sideways to be read."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    def close(self) -> None:
        """Close it, after it has done nothing that no page may do."""
        violations = self.violations()
        self._context.close()
        assert (self.elsewhere, violations, self.failures) == ([], [], [])


def picture(visit: Visit, path: Path) -> None:
    """Write what is seen to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    visit.page.screenshot(path=path)
