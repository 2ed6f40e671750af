"""Between two states the router serves nothing that the shim does not know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.compiler.program import Forwarding, HostProgram, Redirect, RuleProgram
from kuadrant.gateways.envoy.route_actions import Seen
from kuadrant.gateways.envoy.routes import route_configuration
from kuadrant.gateways.envoy.surviving_routes import surviving
from kuadrant.policy.match import PathMatch, RequestMatch

pytestmark = pytest.mark.slow

Routes = dict[str, dict[str, Any]]

_hostnames = st.sampled_from(["*", "*.com", "a.com", "b.com"])
_matches = st.builds(
    RequestMatch, st.builds(PathMatch, st.sampled_from(["/", "/a", "/b"])), st.sampled_from([None, "GET"])
)
_forwardings = st.builds(Forwarding, redirect=st.builds(Redirect, hostname=st.sampled_from(["x", "y"])))
_rules = st.builds(
    RuleProgram, st.sampled_from(["r1", "r2"]), st.just("route"), _matches, st.just(()), _forwardings
)
_hosts = st.lists(
    st.builds(
        HostProgram, _hostnames, st.lists(_rules, max_size=4, unique_by=lambda rule: rule.match).map(tuple)
    ),
    max_size=4,
    unique_by=lambda host: host.hostname,
)
_programs = st.dictionaries(st.sampled_from(["one", "two"]), _hosts)

Known = set[tuple[str, str, str]]


def _render(program: dict[str, list[HostProgram]]) -> Routes:
    return {name: route_configuration(name, hosts, Seen(80)) for name, hosts in program.items()}


def _served(routes: Routes) -> Known:
    return {
        (name, host["name"], str(route["match"]))
        for name, configuration in routes.items()
        for host in configuration["virtual_hosts"]
        for route in host["routes"]
    }


@given(old=_programs, new=_programs)
def test_at_no_stage_the_router_serves_what_the_shim_does_not_know(
    old: dict[str, list[HostProgram]], new: dict[str, list[HostProgram]]
) -> None:
    before, after = _render(old), _render(new)
    between = surviving(before, after)
    # A listener that goes keeps its shim's configuration until it is gone, so that is known as well.
    shim_before, shim_after = _served(before), _served({**before, **after})
    for router, shim in (
        (before, shim_before),
        (between, shim_before),
        (between, shim_after),
        (after, shim_after),
    ):
        assert _served(router) <= shim


@given(old=_programs, new=_programs)
def test_a_host_and_match_that_stays_is_served_all_the_time(
    old: dict[str, list[HostProgram]], new: dict[str, list[HostProgram]]
) -> None:
    before, after = _render(old), _render(new)
    assert _served(before) & _served(after) <= _served(surviving(before, after))


@given(old=_programs, new=_programs)
def test_a_host_that_stays_never_hands_its_requests_to_a_wildcard(
    old: dict[str, list[HostProgram]], new: dict[str, list[HostProgram]]
) -> None:
    def hosts(routes: Routes) -> set[tuple[str, str]]:
        return {(name, host["name"]) for name in routes for host in routes[name]["virtual_hosts"]}

    before, after = _render(old), _render(new)
    assert hosts(before) & hosts(after) <= hosts(surviving(before, after))


@given(old=_programs, added=_programs)
def test_nothing_changes_in_between_when_routes_are_only_added(
    old: dict[str, list[HostProgram]], added: dict[str, list[HostProgram]]
) -> None:
    new = {name: [*hosts] for name, hosts in old.items()}
    for name, hosts in added.items():
        known = {host.hostname for host in new.setdefault(name, [])}
        new[name] += [host for host in hosts if host.hostname not in known]
    assert surviving(_render(old), _render(new)) == _render(old)


def test_a_route_that_stays_keeps_what_it_did_until_the_new_routes_come() -> None:
    def routes(target: str) -> Routes:
        forwarding = Forwarding(redirect=Redirect(hostname=target))
        return _render(
            {"one": [HostProgram("a.com", (RuleProgram("r", "route", RequestMatch(), (), forwarding),))]}
        )

    assert surviving(routes("old"), routes("new")) == routes("old")
