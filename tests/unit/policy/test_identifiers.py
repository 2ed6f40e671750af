"""Names that are hashed exactly as Kuadrant hashes them."""

from __future__ import annotations

import pytest
from cel_expr_python import cel
from hypothesis import given
from hypothesis import strategies as st

from kuadrant.policy.identifiers import (
    action_set_name,
    descriptor_entry,
    limit_condition,
    limit_identifier,
    string_literal,
)


@pytest.mark.row("G.1")
@pytest.mark.parametrize(
    ("policy", "limit", "identifier"),
    [
        pytest.param("testNS/rlpA", "foo", "limit.foo__1da6e70a", marks=pytest.mark.row(35)),
        pytest.param("testNS/rlpB", "foo", "limit.foo__2c1520b6", marks=pytest.mark.row(38)),
        pytest.param("testNS/rlpA", "", "limit.__6d5e49dc", marks=pytest.mark.row(39)),
        ("testNS/rlpA", "l1", "limit.l1__65f19ee8"),
        ("testNS/rlpA", "lim!t name", "limit.lim_t_name__257d8c29"),
        ("testNS/rlpA", "Zażółć", "limit.Zażółć__092d2fa7"),
        ("my-app/minimal", "50rps", "limit.50rps__36e9aa4c"),
        ("my-app/my-rlp", "50rps", "limit.50rps__783b9343"),
        ("my-app/my-rlp", "50rps-for-selected-hostnames", "limit.50rps_for_selected_hostnames__ac4044ab"),
        ("my-app/my-rlp", "50rps-for-selected-route", "limit.50rps_for_selected_route__db289136"),
        ("my-app/my-rlp", "50rps-for-selected-path", "limit.50rps_for_selected_path__38eb97a4"),
        ("my-app/my-rlp", "50rps-per-username", "limit.50rps_per_username__d681f6c3"),
        ("default/toystore", "create-toy", "limit.create_toy__fb82c51a"),
        ("default/toystore", "toys", "limit.toys__e20df9d7"),
        ("default/toystore", "get-toy", "limit.get_toy__adf261bb"),
        ("istio-system/gw-rlp", "global", "limit.global__eabf95b2"),
        ("ns/p", "100-per-day", "limit.100_per_day__0a029a9a"),
        ("ns/p", "a b-c.d/e", "limit.a_b_c_d_e__cabdc6c1"),
    ],
)
def test_limit_identifiers(policy: str, limit: str, identifier: str) -> None:
    assert limit_identifier(policy, limit) == identifier


@pytest.mark.parametrize(
    ("limit", "beginning"),
    [
        pytest.param("my/limit-0", "limit.my_limit_0__", marks=pytest.mark.row(36)),
        pytest.param("my.limit", "limit.my_limit__", marks=pytest.mark.row(37)),
    ],
)
def test_what_is_neither_letter_nor_digit_becomes_an_underscore(limit: str, beginning: str) -> None:
    assert limit_identifier("testNS/rlpA", limit).startswith(beginning)


@pytest.mark.row("G.2")
@pytest.mark.parametrize(
    ("gateway", "route", "rule", "hostname", "name"),
    [
        (
            "gateway-system/kuadrant-ingressgateway",
            "default/other",
            "rule-1",
            "other.example.com",
            "5755da0b3c275ba6b8f553890eb32b04768a703b60ab9a5d7f4e0948e23ef0ab",
        ),
        (
            "gateway-system/kuadrant-ingressgateway",
            "default/toystore",
            "rule-1",
            "*",
            "21cb3adc608c09a360d62a03fd1afd7cc6f8720999a51d7916927fff26a34ef8",
        ),
        (
            "istio-system/istio-ingressgateway",
            "default/toystore",
            "rule-1",
            "api.toystore.com",
            "5aec0385099049376cbddc70778c5f69d68597d727224256405acd14b544cdd7",
        ),
        (
            "istio-system/istio-ingressgateway",
            "default/toystore",
            "rule-2",
            "api.toystore.com",
            "de40db91e1a94e24a747e623579358e5481e72b19ac42323290c693828a88d65",
        ),
    ],
)
def test_action_set_names(gateway: str, route: str, rule: str, hostname: str, name: str) -> None:
    assert (
        action_set_name(
            gateway_class="istio",
            gateway=gateway,
            listener="http",
            route=route,
            rule=rule,
            match_index=0,
            hostname=hostname,
        )
        == name
    )


@pytest.mark.row(40)
def test_a_counter_is_looked_up_in_the_first_descriptor() -> None:
    assert descriptor_entry("auth.identity.username") == 'descriptors[0]["auth.identity.username"]'


@pytest.mark.row(41)
def test_the_text_of_a_counter_is_its_key_as_a_whole() -> None:
    assert descriptor_entry("['gold', 'silver']") == "descriptors[0][\"['gold', 'silver']\"]"


@pytest.mark.row(43)
def test_a_quote_in_a_counter_does_not_end_the_key() -> None:
    assert descriptor_entry('request.headers["x"]') == r'descriptors[0]["request.headers[\"x\"]"]'


def test_the_condition_of_a_limit_asks_for_its_identifier() -> None:
    assert (
        limit_condition("limit.create_toy__fb82c51a") == 'descriptors[0]["limit.create_toy__fb82c51a"] == "1"'
    )


@given(st.text())
def test_a_literal_is_read_back_as_the_text_that_was_written(text: str) -> None:
    assert cel.NewEnv().compile(string_literal(text)).eval(data={}).value() == text
