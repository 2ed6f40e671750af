"""What no test reaches is named, with its place."""

from __future__ import annotations

from kuadrant.policy_tests import coverage, simulate_file
from tests.unit.policy_tests.examples import GATEWAY, POLICY, gateway, loaded, read_tests


def test_limits_and_rules_without_a_request_are_not_reached() -> None:
    policies = loaded(GATEWAY, POLICY)
    file = read_tests(
        """\
        tests:
        - name: a
          steps:
          - request: {method: POST, host: toys.example.com, path: /toys}
          - request: {host: toys.example.com, path: /moved}
        """
    )

    found = coverage([policies.inventory], [simulate_file(file, gateway(policies, file))])

    assert (found.limits, found.rules) == (2, 3)
    (limit,) = found.limits_not_reached
    assert str(limit) == "per-user of default/toys (2 in 10s and 3 in 1m)"
    assert (limit.file, limit.line, limit.column) == ("1.yaml", 10, 5)
    (rule,) = found.rules_not_reached
    assert (str(rule), rule.file, rule.line, rule.column) == ("default/toys/nowhere", "0.yaml", 22, 5)


def test_without_tests_nothing_is_reached() -> None:
    found = coverage([loaded(GATEWAY, POLICY).inventory], [])
    assert (
        (len(found.limits_not_reached), len(found.rules_not_reached)) == (found.limits, found.rules) == (2, 3)
    )
