"""Requests that nobody answers are told why: routes elsewhere, listeners not served, missing backends."""

from __future__ import annotations

import pytest

from kuadrant.explanation.short_text import short_text
from kuadrant.explanation.verbose_text import verbose_text
from kuadrant.topology import text, topology

from .asking import WORLD, asked, configuration, policy

FEW = policy("all: {rates: [{limit: 2, window: 10s}]}")
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: toys}\nspec: {ports: [{port: 80}]}\n---\n"
PARENT = "  parentRefs: [{name: gw}]\n"
LISTENER = "{name: http, port: 80, protocol: HTTP}"


@pytest.mark.parametrize(
    ("old", "new", "line", "because"),
    [
        (
            PARENT,
            PARENT.replace("gw", "gww"),
            12,
            'spec.parentRefs[0].name is "gww": there is no such Gateway',
        ),
        (
            PARENT,
            PARENT.replace("gw", "gw, port: 81"),
            12,
            "spec.parentRefs[0].port is 81: Gateway default/gw",
        ),
        (
            LISTENER,
            "{name: http, port: 80, protocol: HTTP, hostname: a.x}",
            13,
            "spec.hostnames are served by",
        ),
        (
            LISTENER,
            "{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: None}}}",
            12,
            (
                "spec.parentRefs[0] names Gateway default/gw: listener http does not take the route, since "
                "it takes no routes at all (allowedRoutes.namespaces.from: None), and the route is in default"
            ),
        ),
        (PARENT, "", 11, "spec.parentRefs is missing, so nothing serves the route"),
    ],
)
def test_a_route_that_no_listener_takes_is_named_with_why(
    old: str, new: str, line: int, because: str
) -> None:
    found = asked(FEW, world=WORLD.replace(old, new))
    (one,) = found.listener.elsewhere
    assert (found.outcome, one.route) == ("no-route", "HTTPRoute default/toys")
    assert one.because.startswith(because)
    assert one.origin.line == line
    assert one.because in " ".join(short_text(found).split())
    assert one.because in verbose_text(found)


def test_a_route_that_is_served_at_another_port_is_named_with_it() -> None:
    two = WORLD.replace(LISTENER, f"{LISTENER}, {{name: b, port: 81, protocol: HTTP}}").replace(
        PARENT, PARENT.replace("gw", "gw, port: 81")
    )
    (one,) = asked(FEW, world=two).listener.elsewhere
    assert one.because == "it is served at port 81 of Gateway default/gw"
    assert asked(FEW, world=two, url="http://toys.x:81/toys").listener.elsewhere == ()


def test_routes_of_other_hosts_are_not_named() -> None:
    found = asked(FEW, world=WORLD.replace("name: gw}]", "name: gww}]"), url="http://cars.x/toys")
    assert (found.outcome, found.listener.elsewhere) == ("no-route", ())


def test_a_listener_that_is_not_served_has_no_answer() -> None:
    https = "{name: http, port: 80, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}"
    world = WORLD.replace(LISTENER, https)
    found = asked(FEW, world=world, url="https://toys.x:80/toys")
    assert short_text(found).startswith(
        "no answer from kuadrant run, which does not serve the listener; where it is:\n  admitted\n"
    )
    because = (
        'spec.listeners[0].tls.certificateRefs[0].name of Gateway default/gw is "cert", and that Secret of '
        "namespace default does not exist"
    )
    assert f"not served: {because}" in " ".join(short_text(found).split())
    tree = " ".join(text(topology(configuration(FEW, world=world))).split())
    assert f"not served by kuadrant run: {because}" in tree


def test_a_listener_of_another_protocol_is_told_in_the_topology() -> None:
    world = WORLD.replace(LISTENER, f"{LISTENER}, {{name: tls, port: 443, protocol: TLS}}")
    tree = text(topology(configuration(FEW, world=world)))
    assert "not served by kuadrant run: the protocol is TLS" in tree
    assert asked(FEW, world=world).listener.not_served is None


CANARY = SERVICE + WORLD.replace(
    "  - matches: [{path: {value: /toys}}]\n    backendRefs: [{name: toys, port: 80}]",
    "  - matches: [{path: {value: /toys}}]\n"
    "    backendRefs: [{name: toys, port: 80, weight: 3}, {name: canary, port: 80}, {name: toys, port: 8}]",
)


def test_backends_that_do_not_exist_are_named_with_their_share() -> None:
    found = asked(FEW, world=CANARY)
    assert found.client is not None
    assert found.client.in_part == "503 for 2 of 5 requests"
    assert found.client.because.endswith(
        "503 for 2 of 5 requests: there is no Service default/canary and Service default/toys has no port 8 "
        "(with --echo the echo answers)"
    )
    assert "backend default/canary:80 (503: there is no Service default/canary)" in verbose_text(found)
    assert found.client.backends[0].lacks == ""


def test_nothing_is_told_of_backends_where_services_are_elsewhere() -> None:
    found = asked(FEW, world=CANARY.removeprefix(SERVICE))
    assert found.client is not None
    assert found.client.in_part == ""
