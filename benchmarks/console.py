"""What the console costs with many routes under load: the browser, the server, and the gateway.

    .venv/bin/python -m benchmarks.console [--routes 5000] [--rate 1000] [--seconds 10]

The gateway's cost is its processor time for each request, in turns without a page, with one on *Now* and with
one on *Decisions*: what counts is the ratio. It needs chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.browser import Visit, browsing
from tests.e2e.load import load
from tests.e2e.standalone.conftest import Kuadrant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: any
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{port: 80}]}
"""
ROUTE = """\
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r{n}}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: [h{n}.example.com]
  rules:
  - matches: [{{path: {{type: PathPrefix, value: /toys}}}}]
    backendRefs: [{{name: app, port: 80}}]
"""
POLICY = """\
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: p{n}}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r{n}}}
  limits: {{all: {{rates: [{{limit: {limit}, window: 10s}}]}}}}
"""
ROUNDS = 3
PAINT = "performance.getEntriesByType('paint').find((one) => one.name === 'first-contentful-paint').startTime"


def folder_of(folder: Path, routes: int) -> None:
    """Write the documents: routes in files of a hundred, and a policy in a file for every tenth."""
    (folder / "gateway.yaml").write_text(GATEWAY)
    for first in range(0, routes, 100):
        text = "".join(ROUTE.format(n=n) for n in range(first, min(first + 100, routes)))
        (folder / f"routes-{first}.yaml").write_text(text)
    for n in range(0, routes, 10):
        (folder / f"policy-{n}.yaml").write_text(POLICY.format(n=n, limit=100_000))


def seconds_of(pid: int) -> float:
    """The processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(browser: Browser) -> float:
    """MiB of the largest process that shows a page, without what it shares."""
    session = browser.new_browser_cdp_session()
    found = [
        one["id"]
        for one in session.send("SystemInfo.getProcessInfo")["processInfo"]
        if one["type"] == "renderer"
    ]
    return max(map(_private, found), default=0.0)


def _private(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def under_load(kuadrant: Kuadrant, rate: int, seconds: float) -> tuple[float, float, int]:
    """Processor time of us and of Envoy while requests come, and how many did."""
    (envoy,) = kuadrant.children()
    request = b"GET /toys HTTP/1.1\r\nhost: h0.example.com\r\n\r\n"
    before = seconds_of(kuadrant.process.pid), seconds_of(envoy)
    end = time.monotonic() + seconds

    async def run() -> Any:
        return await load(
            kuadrant.port, request, connections=20, more=lambda: time.monotonic() < end, rate=rate
        )

    # The browser's own loop runs in this thread.
    with ThreadPoolExecutor(1) as beside:
        total = beside.submit(asyncio.run, run()).result().total
    return seconds_of(kuadrant.process.pid) - before[0], seconds_of(envoy) - before[1], total


def pages(browser: Browser, url: str) -> Iterator[str]:
    """Yield how long views take to be painted first, and to have all that they show."""
    for view in ("now", "topology", "policy", "limits"):
        visit = Visit(browser, url)
        began = time.monotonic()
        page = visit.open(view)
        whole = time.monotonic() - began
        yield f"{view:10} first paint {page.evaluate(PAINT):6.0f} ms, whole {whole * 1000:6.0f} ms"
        visit.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--routes", type=int, default=5_000)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, browsing() as browser:
        folder = Path(name)
        folder_of(folder, options.routes)
        kuadrant = Kuadrant(folder, "--echo")
        try:
            kuadrant.wait_ready()
            url = f"http://127.0.0.1:{kuadrant.console_port}/"
            print("\n".join(pages(browser, url)))
            print(edit(browser, kuadrant, url))
            rounds(browser, kuadrant, url, options.rate, options.seconds)
        finally:
            kuadrant.close()


def edit(browser: Browser, kuadrant: Kuadrant, url: str) -> str:
    """How long an edit that is live takes to be seen, and how long to be live."""
    visit = Visit(browser, url)
    page = visit.open("policy?name=default/p0")
    live = kuadrant.change("policy-0.yaml", POLICY.format(n=0, limit=200_000))
    began = time.monotonic()
    page.get_by_text("200000 in 10 s").first.wait_for()
    seen = time.monotonic() - began
    visit.close()
    return f"an edit is live after {live:.2f} s, and seen {seen * 1000:.0f} ms later"


def rounds(browser: Browser, kuadrant: Kuadrant, url: str, rate: int, seconds: float) -> None:
    """Print what requests cost without a page and with one."""
    views = ("", "now", "decisions")
    found: dict[str, list[tuple[float, float]]] = {view: [] for view in views}
    for _ in range(ROUNDS):
        for view in views:
            visit = Visit(browser, url) if view else None
            memory = 0.0
            if visit:
                visit.open(view)
            ours, envoy, total = under_load(kuadrant, rate, seconds)
            found[view].append((ours / seconds, envoy / total))
            if visit:
                memory = memory_of(browser)
                visit.close()
                time.sleep(12)  # so long gateways may go on to report
            print(
                f"{view or 'no page':10} {total / seconds:6.0f}/s, {ours / seconds * 100:5.1f} % of a core",
                f"of ours, Envoy {envoy / total * 1e6:5.1f} us each, the page {memory:.0f} MiB",
                flush=True,
            )
    ours, envoy = (statistics.median(one[number] for one in found[""]) for number in (0, 1))
    for view in views[1:]:
        more = statistics.median(one[0] for one in found[view]) - ours
        ratio = statistics.median(one[1] for one in found[view]) / envoy
        print(f"with {view}: {more * 100:+.1f} % of a core of ours, Envoy x {ratio:.2f}")


if __name__ == "__main__":
    main()
