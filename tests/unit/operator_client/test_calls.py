"""The calls of several rate limit services are one sum, by scope and limit."""

from __future__ import annotations

from kuadrant.api.limit_calls import CallTotals, LimitCalls, ScopeCalls
from kuadrant.operator_client.calls import added

ONE = CallTotals(
    scopes=(
        ScopeCalls(scope="a/r", admitted=5, limits=(LimitCalls(limit="x", limited=2, shadow=1, soft=7),)),
    ),
    failed=1,
)
OTHER = CallTotals(
    scopes=(
        ScopeCalls(
            scope="a/r",
            admitted=1,
            limits=(LimitCalls(limit="x", limited=1, soft=1), LimitCalls(limit="y", shadow=4)),
        ),
        ScopeCalls(scope="b/r", admitted=3),
    )
)


def test_calls_of_all_pods_are_added() -> None:
    assert added((ONE, OTHER)) == CallTotals(
        scopes=(
            ScopeCalls(
                scope="a/r",
                admitted=6,
                limits=(LimitCalls(limit="x", limited=3, shadow=1, soft=8), LimitCalls(limit="y", shadow=4)),
            ),
            ScopeCalls(scope="b/r", admitted=3),
        ),
        failed=1,
    )


def test_one_is_itself_and_none_is_nothing() -> None:
    assert added((ONE,)) == ONE
    assert added(()) == CallTotals()
