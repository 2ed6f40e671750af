"""One table for all ports: never less limited than a port says, and not decided where no table is right."""

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
from kuadrant.gateways.istio.hosts import Hosts, hosts_of_all_ports
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


def _limits(hosts: Hosts) -> dict[str, str | None]:
    return {
        host.hostname: next((a.limits[0].key for rule in host.rules for a in rule.actions), None)
        for host in hosts.hosts
    }


def test_one_port_is_its_own_table() -> None:
    table = hosts_of_all_ports(_program({"b.com": "b", "a.com": None}))
    assert (list(_limits(table).items()), table.conflicts) == ([("a.com", None), ("b.com", "b")], ())


def test_ports_with_the_same_limits_agree_though_their_rules_have_other_names() -> None:
    table = hosts_of_all_ports(_program({"a.com": "a"}, {"a.com": "a"}))
    assert (_limits(table), table.conflicts) == ({"a.com": "a"}, ())


def test_a_port_without_limits_gets_those_of_the_other() -> None:
    table = hosts_of_all_ports(_program({"a.com": None}, {"a.com": "a"}))
    assert (_limits(table), table.conflicts) == ({"a.com": "a"}, ())


def test_a_host_name_that_a_port_serves_by_a_wildcard_has_the_wildcard_s_limits_there() -> None:
    table = hosts_of_all_ports(_program({"*.a.com": "a"}, {"x.a.com": None}))
    assert _limits(table) == {"*.a.com": "a", "x.a.com": "a"}


def test_a_host_name_that_a_port_does_not_serve_is_no_matter_there() -> None:
    table = hosts_of_all_ports(_program({"a.com": "a"}, {"b.com": "b"}))
    assert (_limits(table), table.conflicts) == ({"a.com": "a", "b.com": "b"}, ())


def test_different_limits_are_a_conflict() -> None:
    table = hosts_of_all_ports(_program({"a.com": "a", "b.com": "b"}, {"a.com": "c"}, {"*": "d"}))
    assert table.conflicts == ("a.com", "b.com")


HOSTNAMES = ("*", "*.com", "*.a.com", "a.com", "x.a.com", "y.x.a.com", "b.org")
PORTS = st.dictionaries(st.sampled_from(HOSTNAMES), st.sampled_from([None, "a", "b"]))


@given(
    st.lists(PORTS, min_size=1, max_size=3), st.sampled_from(["a.com", "x.a.com", "z.x.a.com", "b.org", "c"])
)
def test_every_request_is_limited_as_its_port_says(ports: list[dict[str, str | None]], host: str) -> None:
    table = hosts_of_all_ports(_program(*ports))
    limits = _limits(table)
    for port in ports:
        owner = most_specific_owner(host, port)
        if owner is None or port[owner] is None:
            continue
        found = most_specific_owner(host, limits)
        assert found is not None
        assert limits[found] == port[owner] or found in table.conflicts
