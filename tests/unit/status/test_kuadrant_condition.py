"""Whether an installation is ready, and what it lacks first."""

from __future__ import annotations

import pytest

from kuadrant.status import Installation, kuadrant_condition

ALL = Installation(
    missing=("Gateway API", "Gateway API provider (istio / envoy gateway)"),
    distrust="nobody has signed the module",
    failure="the module cannot be served",
    limitador="limitador resource not in topology",
)


@pytest.mark.parametrize(
    ("installation", "expected"),
    [
        (Installation(), ("True", "Ready", "Kuadrant is ready")),
        (
            ALL,
            (
                "False",
                "MissingDependency",
                "[Gateway API, Gateway API provider (istio / envoy gateway)] is not installed",
            ),
        ),
        (
            Installation(distrust=ALL.distrust, failure=ALL.failure, limitador=ALL.limitador),
            ("False", "ModuleNotTrusted", "nobody has signed the module"),
        ),
        (
            Installation(failure=ALL.failure, limitador=ALL.limitador),
            ("False", "ReconciliationError", "the module cannot be served"),
        ),
        (
            Installation(limitador=ALL.limitador),
            ("False", "LimitadorNotReady", "limitador resource not in topology"),
        ),
    ],
    ids=["nothing", "everything", "distrust", "failure", "limitador"],
)
def test_the_first_thing_that_is_wrong_is_said(
    installation: Installation, expected: tuple[str, str, str]
) -> None:
    condition = kuadrant_condition(installation)
    assert (condition.type, condition.status, condition.reason, condition.message) == ("Ready", *expected)
