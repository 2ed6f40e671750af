"""Take the pictures of docs/console.md, of a real `kuadrant run` in a real Chromium (`make pictures`).

With a folder as the only word all views go there, in both schemes and at a phone's width, to be looked at.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.browser import Visit, browsing, picture
from tests.e2e.standalone.conftest import EXAMPLES, Kuadrant

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES: Final = Path(__file__).parents[1] / "docs" / "pictures"
POLICY: Final = """\
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata:
  name: toystore
spec:
  targetRef:
    group: gateway.networking.k8s.io
    kind: HTTPRoute
    name: toystore
  limits:
    create-toy:
      rates: [{limit: 5, window: 10s}]
      when: [{predicate: "request.method == 'POST'"}]
    per-user:
      rates: [{limit: 40, window: 1m}]
      when: [{predicate: "'x-user' in request.headers"}]
      counters: [{expression: "request.headers['x-user']"}]
    free-plan:
      mode: Shadow
      rates: [{limit: 20, window: 1m}]
      when: [{predicate: "request.headers['x-plan'] == 'free'"}]
"""
_VIEWS: Final = {
    "now": "now",
    "topology": "topology",
    "policy": "policy?name=default/toystore",
    "limits": "limits",
    "decisions": "decisions?headers=x-user",
    "try": "try?method=POST&url=api.toystore.com/toys&times=6&headers=x-user: alice%0Ax-plan: free",
    "modules": "modules",
}
_REQUESTS: Final = (
    ("GET", "/toys/1", {"x-user": "alice", "x-plan": "free"}),
    ("POST", "/toys", {"x-user": "bob", "x-plan": "gold"}),
    ("GET", "/toys", {"x-user": "carol", "x-plan": "free"}),
    ("GET", "/toys/7", {"x-plan": "gold"}),
    ("POST", "/toys", {"x-user": "alice", "x-plan": "free"}),
    ("GET", "/toys/teddy", {"x-user": "bob"}),
)


def ask(port: int, stop: threading.Event) -> None:
    """Send requests of a few clients until ``stop`` is set."""
    number = 0
    while not stop.wait(0.12):
        method, path, headers = _REQUESTS[number % len(_REQUESTS)]
        number += 1
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(method, path, headers={"Host": "api.toystore.com", **headers})
        connection.getresponse().read()
        connection.close()


def take(browser: Browser, url: str, folder: Path, wanted: frozenset[str]) -> None:
    """Take pictures of views in both schemes, and of a phone's width."""
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360)):
        visit = Visit(browser, url, scheme=scheme, width=width)  # type: ignore[arg-type]
        for name, view in _VIEWS.items():
            end = "" if width > 360 else "-narrow"
            file = f"console-{name}-{scheme}{end}.png"
            if wanted and file not in wanted:
                continue
            page = visit.open(view)
            page.wait_for_timeout(12_000 if name == "limits" else 4_000 if name == "decisions" else 1_500)
            picture(visit, folder / file)
        visit.close()


def main() -> None:
    """Take them."""
    into = Path(sys.argv[1]).absolute() if sys.argv[1:] else PICTURES
    text = "".join(
        page.read_text() for page in (PICTURES.parent / "console.md", PICTURES.parents[1] / "README.md")
    )
    wanted = frozenset() if sys.argv[1:] else frozenset(re.findall(r"pictures/(console-[a-z-]+\.png)", text))
    with tempfile.TemporaryDirectory() as folder, browsing() as browser:
        toystore = Path(shutil.copytree(EXAMPLES / "toystore", Path(folder) / "toystore"))
        policy = toystore / "ratelimitpolicy.yaml"
        policy.write_text(POLICY.replace("limit: 5,", "limit: 3,"))
        os.chdir(folder)  # so that the page has a name that people would give
        kuadrant = Kuadrant(Path("toystore"), "--echo")
        stop = threading.Event()
        asking = threading.Thread(target=ask, args=(kuadrant.port, stop))
        try:
            kuadrant.wait_ready()
            kuadrant.change(policy.name, POLICY)
            asking.start()
            take(browser, f"http://127.0.0.1:{kuadrant.console_port}/", into, wanted)
        finally:
            stop.set()
            if asking.is_alive():
                asking.join()
            kuadrant.close()


if __name__ == "__main__":
    main()
