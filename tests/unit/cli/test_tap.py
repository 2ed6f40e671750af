"""`kuadrant tap`: what is shown of decisions, and its exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.api.decision_page import ReportedDecision
from kuadrant.cli.decision_lines import DecisionFilter, Tally, lines

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "limit.create_toy__fb82c51a"
LIMITED = ReportedDecision(
    verdict="limited",
    method="POST",
    host="api.toystore.com",
    path="/toys",
    limit=KEY,
    policies=("default/toystore",),
    scope="default/route",
    route="default/route",
    asked=(KEY,),
    headers={"x-user": "alice"},
)
ALLOWED = ReportedDecision(
    verdict="allowed", method="GET", host="a.com", path="/", asked=("limit.all__01234567",)
)
FAILED = ReportedDecision(
    verdict="failed",
    method="GET",
    host="a.com",
    path="/",
    error="expression",
    limit=KEY,
    scope="default/route",
    part="condition 2",
    expression="request.headers['x-plan'] == 'free'",
)


def plain(_: str, text: str) -> str:
    return text


def shown(one: ReportedDecision) -> list[str]:
    """The lines without the time."""
    first, *more = lines(one, plain)
    return [first.partition(" ")[2], *more]


def test_a_decision_is_told_in_a_line_and_its_headers_below() -> None:
    assert shown(ALLOWED) == ["allowed GET a.com/"]
    assert shown(LIMITED) == [
        "limited POST api.toystore.com/toys: create-toy of default/toystore",
        "    x-user: alice",
    ]
    assert shown(FAILED) == [
        "failed  GET a.com/: expression at create_toy of default/route",
        "    condition 2: request.headers['x-plan'] == 'free'",
    ]


def test_of_a_limit_that_is_not_known_its_scope_is_told_and_what_was_let_pass_is() -> None:
    assert shown(ReportedDecision(verdict="limited", path="/", scope="ns/p")) == [
        "limited  /: a limit of ns/p"
    ]
    assert shown(ReportedDecision(verdict="allowed", path="/", error="timeout")) == ["allowed  /: timeout"]


def test_no_client_writes_to_the_terminal() -> None:
    told = "".join(
        lines(ReportedDecision(verdict="allowed", path="/\x1b[2J\n", headers={"a": "\x07"}), plain)
    )
    assert told.isprintable()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (DecisionFilter(), [ALLOWED, LIMITED, FAILED]),
        (DecisionFilter(verdicts=("limited", "failed")), [LIMITED, FAILED]),
        (DecisionFilter(limit="create-toy"), [LIMITED, FAILED]),
        (DecisionFilter(limit="all"), [ALLOWED]),
        (DecisionFilter(limit="create"), []),
        (DecisionFilter(route="default/route"), [LIMITED, FAILED]),
        (DecisionFilter(headers=(("x-user", None),)), [LIMITED]),
        (DecisionFilter(headers=(("x-user", "alice"),), verdicts=("limited",)), [LIMITED]),
        (DecisionFilter(headers=(("x-user", "bob"),)), []),
    ],
)
def test_what_is_wanted(wanted: DecisionFilter, found: list[ReportedDecision]) -> None:
    assert [one for one in (ALLOWED, LIMITED, FAILED) if wanted.has(one)] == found


def test_the_last_line_sums_up() -> None:
    tally = Tally()
    assert tally.text(0.4) == "0 decisions in 0 s"
    for one in (ALLOWED, ALLOWED, LIMITED, ALLOWED):
        tally.add(one)
    tally.missed = 7
    assert tally.text(12.4) == (
        "4 decisions in 12 s; 3 allowed, 1 limited; limited by create-toy of default/toystore (1); "
        "7 more came too fast to be shown"
    )
    assert tally.values(12.4)["verdicts"] == {"allowed": 3, "limited": 1}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--header", "x-user: alice"], "with --show-values alone"),
        (["--header", "Authorization"], "authorization is never shown"),
        ([word for n in range(9) for word in ("--header", f"h{n}")], "9 are given, 8 can be shown"),
    ],
)
def test_what_is_not_shown_is_wrong_usage(
    run: Callable[..., tuple[int, str, str]], words: list[str], problem: str
) -> None:
    code, _, err = run("tap", *words)
    assert code == 2
    assert problem in err
