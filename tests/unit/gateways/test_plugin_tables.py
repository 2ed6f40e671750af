"""Tables of hosts: one for all ports where it is right, else one for each.

Never less limited than a port says.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kuadrant.compiler.program import (
    Action,
    GatewayProgram,
    HostProgram,
    LimitAction,
    ListenerProgram,
    RuleProgram,
)
from kuadrant.gateways.plugin_tables import Table, tables
from kuadrant.policy.hostnames import most_specific_owner
from kuadrant.policy.match import RequestMatch


def _rules(limit: str | None, name: str = "") -> tuple[RuleProgram, ...]:
    actions = () if limit is None else (Action("ns/route", (LimitAction(limit),)),)
    return (RuleProgram(name or f"rule-{limit}", "ns/route", RequestMatch(), actions),)


def _program(*ports: dict[str, str | None]) -> GatewayProgram:
    listeners = tuple(
        ListenerProgram(
            (f"port-{number}",),
            number,
            "HTTP",
            tuple(
                HostProgram(hostname, _rules(limit, f"{number}-{limit}")) for hostname, limit in port.items()
            ),
        )
        for number, port in enumerate(ports)
    )
    return GatewayProgram("ns", "gw", listeners, ())


def _limits(table: Table) -> dict[str, str | None]:
    return {
        host.hostname: next((a.limits[0].key for rule in host.rules for a in rule.actions), None)
        for host in table.hosts
    }


def _common(*ports: dict[str, str | None]) -> dict[str, str | None]:
    """The limits of the table for all ports, which there has to be."""
    (table,) = tables(_program(*ports))
    assert table.port is None
    return _limits(table)


def test_without_limits_there_is_no_table() -> None:
    assert tables(_program({"a.com": None}, {})) == ()


def test_one_port_is_its_own_table() -> None:
    program = _program({"a.com": None, "b.com": "b"})
    (table,) = tables(program)
    assert table == Table(program.listeners[0].hosts)


def test_ports_with_the_same_limits_agree_though_their_rules_have_other_names() -> None:
    assert _common({"a.com": "a"}, {"a.com": "a"}) == {"a.com": "a"}


def test_a_port_without_limits_gets_those_of_the_other() -> None:
    assert _common({"a.com": None}, {"a.com": "a"}) == {"a.com": "a"}


def test_a_host_name_that_a_port_serves_by_a_wildcard_has_the_wildcard_s_limits_there() -> None:
    assert _common({"*.a.com": "a"}, {"x.a.com": None}) == {"*.a.com": "a", "x.a.com": "a"}


def test_a_host_name_that_a_port_does_not_serve_is_no_matter_there() -> None:
    assert _common({"a.com": "a"}, {"b.com": "b"}) == {"a.com": "a", "b.com": "b"}


def test_ports_that_limit_a_host_name_in_different_ways_have_tables_of_their_own() -> None:
    found = tables(_program({"a.com": "a", "b.com": "b"}, {"a.com": "c"}, {"a.com": None}))
    assert [(table.port, _limits(table)) for table in found] == [
        (0, {"a.com": "a", "b.com": "b"}),
        (1, {"a.com": "c"}),
    ]


HOSTNAMES = ("*", "*.com", "*.a.com", "a.com", "x.a.com", "y.x.a.com", "b.org")
PORTS = st.dictionaries(st.sampled_from(HOSTNAMES), st.sampled_from([None, "a", "b"]))


@given(
    st.lists(PORTS, min_size=1, max_size=3), st.sampled_from(["a.com", "x.a.com", "z.x.a.com", "b.org", "c"])
)
def test_every_request_is_limited_as_its_port_says(ports: list[dict[str, str | None]], host: str) -> None:
    found = tables(_program(*ports))
    for number, port in enumerate(ports):
        owner = most_specific_owner(host, port)
        if owner is None or port[owner] is None:
            continue
        (limits,) = (_limits(table) for table in found if table.port in (None, number))
        assert limits[most_specific_owner(host, limits) or ""] == port[owner]
