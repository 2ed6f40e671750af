"""The console of `kuadrant run` in a real browser: each view, and what a person finds there."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser import Visit, browsing

from .conftest import EXAMPLES, Kuadrant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.e2e

CONDITION = "request.headers['x-plan'] == 'free'"
POLICY = f"""
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: toystore}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}}
  limits:
    create-toy:
      rates: [{{limit: 2, window: 1h}}]
      when: [{{predicate: "request.method == 'POST'"}}]
    per-plan:
      rates: [{{limit: 5, window: 1h}}]
      when: [{{predicate: "{CONDITION}"}}]
    soon:
      mode: Shadow
      rates: [{{limit: 1, window: 1h}}]
      when: [{{predicate: "request.method == 'POST'"}}]
"""
VIEWS = ("now", "topology", "policy", "policy?name=default/toystore", "limits", "decisions", "try", "modules")
PLAN = {"x-plan": "gold"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as one:
        yield one


@pytest.fixture(scope="module")
def kuadrant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kuadrant]:
    folder = shutil.copytree(EXAMPLES / "toystore", tmp_path_factory.mktemp("console") / "toystore")
    (folder / "ratelimitpolicy.yaml").write_text(POLICY)
    one = Kuadrant(folder, "--echo")
    one.wait_ready()
    yield one
    one.close()


@pytest.fixture
def visit(browser: Browser, kuadrant: Kuadrant) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def begin(**how: object) -> Visit:
        visits.append(Visit(browser, f"http://127.0.0.1:{kuadrant.console_port}/", **how))  # type: ignore[arg-type]
        return visits[-1]

    yield begin
    for one in visits:
        one.close()


def test_its_address_is_told_at_the_start(kuadrant: Kuadrant) -> None:
    assert f"The console: http://127.0.0.1:{kuadrant.console_port}" in kuadrant.output


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_each_view_can_be_read_by_everybody(
    kuadrant: Kuadrant, visit: Callable[..., Visit], scheme: str, width: int
) -> None:
    kuadrant.request("POST", **PLAN)
    one = visit(scheme=scheme, width=width)
    for view in VIEWS:
        one.open(view)
        one.page.wait_for_load_state("networkidle") if view == "try" else None
        assert one.grave() == [], view
        assert not one.is_too_wide(), view


def test_what_was_refused_by_which_limit_and_why_another_got_500_is_found(
    kuadrant: Kuadrant, visit: Callable[..., Visit]
) -> None:
    page = visit().open("decisions?headers=x-plan")
    rows = page.locator("#decided tbody tr")
    deadline = time.monotonic() + 20
    while rows.filter(has_text="create_toy").count() == 0:
        assert time.monotonic() < deadline, "no decision is shown"
        assert kuadrant.request("POST", **PLAN).status in (200, 429)
        page.wait_for_timeout(100)
    limited = rows.filter(has_text="create_toy").first
    expect(limited).to_contain_text("limited")
    expect(limited).to_contain_text("default/toystore")
    expect(limited).to_contain_text("x-plan: (masked")

    assert kuadrant.request("GET").status == 500
    failed = rows.filter(has_text="failed").first
    expect(failed).to_contain_text(CONDITION)
    failed.get_by_role("link", name="GET api.toystore.com").click()
    expect(page.locator("#verdict")).to_contain_text("500")
    expect(page.locator("#tried")).to_contain_text("ratelimitpolicy.yaml:14:")

    page.go_back()
    expect(rows.filter(has_text="failed")).not_to_have_count(0)
    expect(rows.filter(has_text="create_toy")).not_to_have_count(0)


def test_a_request_that_nobody_has_sent_is_explained_and_saved_as_a_test(visit: Callable[..., Visit]) -> None:
    page = visit().open("try")
    page.get_by_label("Method").select_option("POST")
    page.get_by_label("URL", exact=True).fill("api.toystore.com/toys")
    page.get_by_label("Headers, one a line").fill("x-plan: free\nx-user: alice")
    page.get_by_label("How often it is sent").fill("3")
    page.get_by_role("button", name="Try").click()
    expect(page.locator("#verdict")).to_contain_text("429 Too Many Requests: limit create-toy is reached")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as a file").click()
    assert saved.value.suggested_filename == "request.kuadrant-test.yaml"
    text = saved.value.path().read_text()
    assert "status: 200x2 then 429" in text
    assert "x-user: alice" in text


def test_try_answers_after_its_tab_was_pressed_over_a_link_to_it(visit: Callable[..., Visit]) -> None:
    page = visit().open("try?method=GET&url=api.toystore.com%2Ftoys&headers=x-plan%3A%20gold")
    expect(page.locator("#verdict")).to_contain_text("admitted")
    page.get_by_role("link", name="Try", exact=True).click()
    page.get_by_label("Method").select_option("POST")
    page.get_by_label("How often it is sent").fill("6")
    page.get_by_role("button", name="Try").click()
    expect(page.locator("#verdict")).to_contain_text("429 Too Many Requests: limit create-toy is reached")


def test_an_edit_is_seen_within_a_second_and_told_as_what_changed(
    kuadrant: Kuadrant, visit: Callable[..., Visit]
) -> None:
    page = visit().open("policy?name=default/toystore")
    expect(page.get_by_role("region", name="Limits in effect")).to_contain_text("create-toy: 2 in 1 h")
    kuadrant.change("ratelimitpolicy.yaml", POLICY.replace("limit: 2", "limit: 3"))
    expect(page.get_by_role("region", name="Limits in effect")).to_contain_text(
        "create-toy: 3 in 1 h", timeout=1000
    )
    expect(page.locator(".block")).to_contain_text("(was 2 in 1 h")
    kuadrant.change("ratelimitpolicy.yaml", POLICY)


def test_a_mistake_is_the_first_thing_that_is_seen_and_goes_with_its_remedy(
    kuadrant: Kuadrant, visit: Callable[..., Visit]
) -> None:
    page = visit().open("now")
    expect(page.locator("h1")).to_have_text("1 warning")
    policy = kuadrant.folder / "ratelimitpolicy.yaml"
    policy.write_text(POLICY.replace("kind: HTTPRoute", "kind: HTTPRout"))
    expect(page.locator(".troubles li").first).to_contain_text("The last change is not applied", timeout=5000)
    expect(page.locator(".troubles li").nth(1)).to_contain_text("ratelimitpolicy.yaml:6:")
    policy.write_text(POLICY)
    expect(page.locator("h1")).to_have_text("1 warning", timeout=5000)


def test_calls_are_seen_by_limit_with_those_in_shadow(
    kuadrant: Kuadrant, visit: Callable[..., Visit]
) -> None:
    for _ in range(4):
        kuadrant.request("POST", **PLAN)
    page = visit().open("limits")
    calls = page.get_by_role("region", name="Calls by scope and limit")
    expect(calls).to_contain_text("create-toy")
    expect(calls).to_contain_text("in shadow")
    expect(page.get_by_role("region", name="Counters")).to_contain_text("2 of 2")


def test_routes_are_found_by_search_and_by_keyboard(visit: Callable[..., Visit]) -> None:
    page = visit().open("topology")
    page.keyboard.press("/")
    page.keyboard.type("POST create-toy")
    expect(page.locator("#found")).to_contain_text("1 route of 1 found")
    page.keyboard.type(" nothing")
    expect(page.locator("#found")).to_contain_text("0 routes of 1 found")
    assert page.evaluate("document.activeElement.id") == "search"


def test_who_runs_which_module_is_told_with_the_evidence(visit: Callable[..., Visit]) -> None:
    page = visit().open("modules")
    expect(page.get_by_role("region", name="What gateways run")).to_contain_text("it said so (ACK)")


def test_the_theme_is_the_system_s_unless_a_person_chooses(visit: Callable[..., Visit]) -> None:
    page = visit(scheme="dark").open("now")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(19, 20, 22)"
    page.get_by_role("button", name="Theme: system").click()
    assert page.evaluate(ground) == "rgb(247, 247, 245)"
    page.reload()
    expect(page.get_by_role("button", name="Theme: light")).to_be_visible()


def test_the_page_goes_on_by_itself_when_it_was_started_again(browser: Browser, toystore: Path) -> None:
    first = Kuadrant(toystore, "--echo")
    try:
        first.wait_ready()
        port = first.console_port
        visit = Visit(browser, f"http://127.0.0.1:{port}/")
        page = visit.open("topology")
        expect(page.locator(".tree")).to_contain_text("create-toy: 5 in 10 s")
    finally:
        first.close()
    expect(page.locator("#connection")).to_have_text("reconnecting")
    policy = toystore / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text().replace("limit: 5", "limit: 7"))
    second = Kuadrant(toystore, "--echo", console_port=port)
    try:
        second.wait_ready()
        expect(page.locator(".tree")).to_contain_text("create-toy: 7 in 10 s", timeout=5000)
        visit.failures.clear()  # the browser writes down that nobody answered
        visit.close()
    finally:
        second.close()
