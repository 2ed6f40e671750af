"""Which listener, host and rule a request comes to, and why the others are not its."""

from __future__ import annotations

import pytest

from kuadrant.explanation import ClientRequest, RequestError

from .asking import WORLD, asked, configuration

_TWO_GATEWAYS = WORLD + (
    "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: other}\n"
    "spec: {gatewayClassName: any, listeners: [{name: http, port: 80, protocol: HTTP}]}\n---\n"
)


def test_the_rules_are_told_in_their_order_each_with_the_part_that_fails() -> None:
    found = asked()
    assert [(rule.rule, rule.match, rule.failing and rule.failing.part) for rule in found.looked_at] == [
        ("rule-1", "POST, path begins with /toys", "method"),
        ("rule-2", "path begins with /toys", None),
    ]
    assert found.looked_at[0].failing is not None
    assert (found.looked_at[0].failing.wanted, found.looked_at[0].failing.found) == ("POST", "GET")
    assert found.rule == found.looked_at[1]
    assert (found.rule.route, found.rule.origin.file) == ("HTTPRoute default/toys", "all.yaml")


def test_hosts_that_are_not_the_requests_say_why() -> None:
    found = asked()
    assert {host.hostname: host.because for host in found.hosts} == {
        "*": "less specific than toys.x",
        "toys.x": "",
    }
    elsewhere = asked(url="http://other.x/toys")
    assert (elsewhere.outcome, elsewhere.host, elsewhere.looked_at) == ("no-route", "*", ())
    assert {host.hostname: host.because for host in elsewhere.hosts}["toys.x"] == "is not the name of other.x"


def test_a_request_that_no_rule_is_for_gets_404() -> None:
    found = asked(url="http://toys.x/")
    assert found.client is not None
    assert (found.outcome, found.rule, found.client.status) == ("no-route", None, 404)
    assert [rule.failing and rule.failing.found for rule in found.looked_at] == ["/", "/"]


def test_the_port_of_kuadrant_run_is_that_of_the_listener_it_serves() -> None:
    found = asked(url="http://127.0.0.1:8000/toys", headers=(("Host", "toys.x"),))
    assert (found.listener.port, found.listener.because) == (80, "kuadrant run serves it at port 8000")
    assert found.outcome == "admitted"


def test_of_two_gateways_it_is_the_one_that_serves_the_host() -> None:
    config = configuration(world=_TWO_GATEWAYS)
    assert (
        config.explain(ClientRequest(url="http://toys.x/toys")).explanation.listener.gateway == "default/gw"
    )
    nobody = config.explain(ClientRequest(url="http://cars.x/")).explanation
    assert nobody.listener.because == "none of 2 gateways serves cars.x at port 80"


def test_of_two_gateways_that_serve_the_host_one_has_to_be_named() -> None:
    config = configuration(
        world=_TWO_GATEWAYS.replace("parentRefs: [{name: gw}]", "parentRefs: [{name: gw}, {name: other}]")
    )
    named = config.explain(ClientRequest(url="http://toys.x/toys", gateway="gw")).explanation
    assert named.outcome == "admitted"
    with pytest.raises(RequestError, match=r"default/gw and default/other serve toys\.x at port 80"):
        config.explain(ClientRequest(url="http://toys.x/toys"))


def test_a_listener_of_https_is_explained_like_one_of_http() -> None:
    found = asked(
        world=WORLD.replace("port: 80, protocol: HTTP}", "port: 443, protocol: HTTPS}"),
        url="https://toys.x/toys",
    )
    assert (found.outcome, found.notes) == (asked().outcome, ())


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ClientRequest(url="http://toys.x:81/"), "no gateway listens at port 81; there is 80 of default/gw"),
        (
            ClientRequest(url="http://toys.x/", gateway="gone"),
            "there is no gateway gone; there is default/gw",
        ),
        (ClientRequest(url="ftp://toys.x/"), "the scheme is ftp"),
        (ClientRequest(url="https://toys.x/", port=80), "speaks HTTP; write http://"),
        (ClientRequest(url="http:///"), "is no URL"),
        (ClientRequest(url="http://toys.x:0/"), '"0" is no port'),
        (ClientRequest(url="http://toys.x/a b"), "a character that no gateway takes there; write %20"),
        (ClientRequest(url="http://toys.x/é"), "a character that no gateway takes there; write %C3%A9"),
        (ClientRequest(url="http://toys.x/\ud800"), "a character that no gateway takes there"),
        (ClientRequest(url="http://toys.x/", method="G T"), '"G T" is no method'),
        (ClientRequest(url="http://toys.x/a%2Fb"), "redirects a path with %2F"),
        (ClientRequest(url="http://toys.x/", source="here"), '"here" is no address'),
    ],
)
def test_what_cannot_be_asked_is_said_with_what_to_do(request_: ClientRequest, words: str) -> None:
    with pytest.raises(RequestError, match=words.replace("(", r"\(")):
        configuration().explain(request_)
