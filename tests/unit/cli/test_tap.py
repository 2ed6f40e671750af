"""`kuadrant tap`: what is shown of decisions, and its exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.api.decision_page import Decision
from kuadrant.cli.decision_lines import Tally, Wanted, lines

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "limit.create_toy__fb82c51a"
LIMITED = Decision(
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
ALLOWED = Decision(verdict="allowed", method="GET", host="a.com", path="/", asked=("limit.all__01234567",))
FAILED = Decision(
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


def shown(one: Decision) -> list[str]:
    """The lines without the time."""
    first, *more = lines(one, plain)
    return [first.partition(" ")[2], *more]


def test_a_decision_is_told_in_a_line_and_its_headers_below() -> None:
    assert shown(ALLOWED) == ["allowed GET a.com/"]
    assert shown(LIMITED) == [
        "limited POST api.toystore.com/toys: create_toy of default/toystore",
        "    x-user: alice",
    ]
    assert shown(FAILED) == [
        "failed  GET a.com/: expression at create_toy of default/route",
        "    condition 2: request.headers['x-plan'] == 'free'",
    ]


def test_of_a_limit_that_is_not_known_its_scope_is_told_and_what_was_let_pass_is() -> None:
    assert shown(Decision(verdict="limited", path="/", scope="ns/p")) == ["limited  /: a limit of ns/p"]
    assert shown(Decision(verdict="allowed", path="/", error="timeout")) == ["allowed  /: timeout"]


def test_no_client_writes_to_the_terminal() -> None:
    told = "".join(lines(Decision(verdict="allowed", path="/\x1b[2J\n", headers={"a": "\x07"}), plain))
    assert told.isprintable()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [ALLOWED, LIMITED, FAILED]),
        (Wanted(verdicts=("limited", "failed")), [LIMITED, FAILED]),
        (Wanted(limit="create-toy"), [LIMITED, FAILED]),
        (Wanted(limit="all"), [ALLOWED]),
        (Wanted(limit="create"), []),
        (Wanted(route="default/route"), [LIMITED, FAILED]),
        (Wanted(headers=(("x-user", None),)), [LIMITED]),
        (Wanted(headers=(("x-user", "alice"),), verdicts=("limited",)), [LIMITED]),
        (Wanted(headers=(("x-user", "bob"),)), []),
    ],
)
def test_what_is_wanted(wanted: Wanted, found: list[Decision]) -> None:
    assert [one for one in (ALLOWED, LIMITED, FAILED) if wanted.has(one)] == found


def test_the_last_line_sums_up() -> None:
    tally = Tally()
    assert tally.text(0.4) == "0 decisions in 0 s"
    for one in (ALLOWED, ALLOWED, LIMITED, ALLOWED):
        tally.add(one)
    tally.missed = 7
    assert tally.text(12.4) == (
        "4 decisions in 12 s; 3 allowed, 1 limited; limited by create_toy of default/toystore (1); "
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
