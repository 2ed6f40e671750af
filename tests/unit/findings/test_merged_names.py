"""What helps where limits that are merged have one name: other names, not what is written already."""

from __future__ import annotations

from tests.unit.findings.checked import GATEWAY, RULES, SERVICE, found, policy, route

LIMITS = "{a: {rates: [{limit: 5, window: 10s}]}}"


def told(block: str, strategy: str) -> list[tuple[str, bool]]:
    """The codes, and whether other names are advised, for a policy of the Gateway and one of the route."""
    own = policy("{}", name="top", target="{kind: Gateway, name: gw}").replace(
        "limits: {}", f"{block}: {{strategy: {strategy}, limits: {LIMITS}}}"
    )
    problems = found(GATEWAY, SERVICE, route(RULES), policy(LIMITS), own)
    unused = [one for one in problems if one.code in ("overridden", "defaults-unused")]
    return [(one.code, "other names" in one.fix) for one in unused]


def test_limits_of_one_name_are_to_be_called_otherwise_where_they_are_merged() -> None:
    assert told("defaults", "merge") == [("defaults-unused", True)]
    assert told("overrides", "merge") == [("overridden", True)]


def test_where_a_policy_replaces_another_as_a_whole_names_do_not_help() -> None:
    assert told("defaults", "atomic") == [("defaults-unused", False)]
    assert told("overrides", "atomic") == [("overridden", False)]
