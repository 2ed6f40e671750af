"""Seeded mistakes, each in a file of ``cases``: each is named, at the right place, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuadrant.findings import RULES
from tests.unit.findings.checked import CASES, found

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEEDED: dict[str, list[tuple[str, str]]] = {
    "annotation-misspelled": [("invalid-annotation", "share}}")],
    "backend-misspelled": [("backend-not-found", "tosy,"), ("backend-not-found", "8080}")],
    "backend-missing": [("no-backend", "matches: [{path: {value: /none}}]"), ("no-backend", "[{name: app")],
    "backend-of-other-kind": [("invalid-kind", "Backend,")],
    "backend-without-grant": [("ref-not-permitted", "other,")],
    "certificate-elsewhere": [("listener-not-served", "shown}]}")],
    "certificate-misspelled": [("certificate-not-found", "shwon}]}")],
    "certificate-of-other-type": [("certificate-invalid", "Opaque")],
    "certificate-without-grant": [("ref-not-permitted", "other}]}")],
    "certificates-of-clients": [("client-certificates", "{caCertificateRefs")],
    "condition-always-holds": [("always-applies", "request.method == 'GET'")],
    "condition-excludes-host": [("never-applies", "request.host")],
    "condition-excludes-method": [("never-applies", "request.method == 'POST'")],
    "condition-excludes-method-selector": [("never-applies", "POST}")],
    "condition-excludes-path": [("never-applies", "request.url_path.startsWith('/cars')")],
    "condition-is-constant": [("always-applies", "1 + 1 == 2")],
    "condition-on-absent-header": [("header-may-be-absent", "request.headers['x-tier']")],
    "condition-on-absent-referer": [("header-may-be-absent", "request.referer")],
    "condition-on-removed-header": [
        ("header-removed", "'X-Envoy-Retry-On'"),
        ("header-removed", "request.headers[?'keep-alive']"),
        ("header-removed", "request.headers[?'x-forwarded-client-cert']"),
    ],
    "condition-on-address-without-port": [("never-applies", "source.address")],
    "condition-on-path-with-query": [
        ("path-has-query", "request.path == '/toys'"),
        ("path-has-query", "request.path in"),
        ("path-has-query", "request.path.endsWith"),
    ],
    "counter-on-forwarded-for": [
        ("counter-by-wish", "request.headers['x-forwarded-for']"),
        ("counter-by-wish", "request.headers.x-forwarded-for"),
    ],
    "counter-on-claims": [
        ("part-may-fail", 'metadata.filter_metadata["envoy'),
        ("selector-without-value", "'metadata.filter_metadata.envoy"),
    ],
    "counter-on-path-with-query": [("path-has-query", "request.path}")],
    "condition-on-remote-address-of-a-network": [("never-applies", "source.remote_address")],
    "condition-on-header-with-capitals": [("never-applies", "request.headers.exists")],
    "condition-on-scheme-with-capitals": [("never-applies", "request.scheme")],
    "condition-on-url-path-with-query": [("never-applies", "request.url_path.contains")],
    "condition-on-method-in-lower-case": [("never-applies", "request.method in ['post', 'put']")],
    "conditions-exclude-each-other": [("never-applies", "request.method in ['GET', 'HEAD']")],
    "counter-on-absent-header": [("header-may-be-absent", "request.headers['x-user']")],
    "counter-on-absent-part": [("part-may-fail", "[2]"), ("part-may-fail", "['page']")],
    "counter-on-removed-header-selector": [("header-removed", "request.headers.X-Envoy")],
    "counter-per-request": [("counter-per-request", "request.id}")],
    "counter-with-port": [("counter-per-connection", "source.address}")],
    "counter-with-port-selector": [("counter-per-connection", "source.address]")],
    "counter-with-port-within": [("counter-per-connection", "source.address)")],
    "document-is-no-object": [("no-object", "rates:"), ("no-object", "rates:")],
    "document-is-no-yaml": [("not-yaml", "")],
    "exempt-beside-defaults": [("when-unused", "[{predicate:")],
    "exempt-everything": [("never-applies", "request.url_path.startsWith")],
    "exempt-nothing": [("always-applies", "request.host ==")],
    "expression-on-identity": [("invalid-expression", "auth.identity.username}")],
    "expression-on-plan": [("invalid-expression", "has(auth.descope.rateLimitPlan)")],
    "expression-that-always-fails": [("invalid-expression", "int('many')")],
    "expression-with-bad-pattern": [("invalid-expression", "request.path.matches(")],
    "field-misspelled": [("invalid-field", "rate:")],
    "gateway-without-routes": [("no-routes", "gw,")],
    "hostname-not-served": [("hostname-not-served", "www.b.example]")],
    "hostname-of-another-listener": [("no-matching-listener-hostname", "[a.example]")],
    "hostnames-disjoint": [("no-matching-listener-hostname", "[a.example]")],
    "authentication-by-address": [("authentication-not-carried-out", '"https://issuer.example/keys"}')],
    "identity-of-nobody": [("identity-of-nobody", "gw, namespace: default, annotations")],
    "identity-unguarded": [
        ("part-may-fail", "auth.identity.userid"),
        ("part-may-fail", "auth.identity.tier"),
    ],
    "identity-misspelled": [("invalid-identity", "jwt-payload}")],
    "kind-misspelled": [("unknown-kind", "RateLimitPolcy")],
    "limit-behind-longer-window": [("never-reached", "{limit: 100, window: 10s}")],
    "limit-behind-stricter": [("never-reached", "{limit: 10, window: 10s}")],
    "limit-behind-shadow": [("refuses-nobody", "{rates: [{limit: 5")],
    "limit-behind-total": [("never-reached", "{limit: 100, window: 10s}")],
    "limit-below-zero": [("limit-below-one", "-1,")],
    "bucket-of-two-rates": [("bucket-apart", "shared}")],
    "cost-over-limit": [("cost-over-limit", '"7"')],
    "cost-of-nothing": [("cost-of-nothing", '"0"')],
    "limit-enforced-for-nobody": [("refuses-nobody", "{rates: [{limit: 5")],
    "limit-in-shadow": [("refuses-nobody", "{rates: [{limit: 0")],
    "limit-of-gateway-per-route": [("counted-per-route", "limits:")],
    "limit-of-percentage-without-counters": [("invalid-field", "10}")],
    "limit-of-zero": [("limit-below-one", "0,")],
    "limit-without-rates": [("no-rates", "[]")],
    "listener-of-tls": [("listener-not-served", "TLS}")],
    "listeners-in-conflict": [("listener-conflicted", "{name: https")],
    "nothing-to-serve": [("nothing-to-serve", "#")],
    "object-given-twice": [("given-twice", "apiVersion:")],
    "parent-in-other-namespace": [("no-routes", "gw,"), ("no-matching-parent", "gw}")],
    "parent-misspelled": [("no-routes", "public,"), ("no-matching-parent", "pubic}")],
    "parent-of-other-kind": [("parent-not-served", "Service,")],
    "path-with-escaped-tilde": [("unreachable-path", "/%7Etilde")],
    "policies-in-conflict": [("conflicted", "r}")],
    "policies-of-one-target": [("same-target", "r}")],
    "policy-in-shadow": [("refuses-nobody", "limits:")],
    "policy-of-defaults-unused": [("defaults-unused", "limits:")],
    "policy-over-budget": [("over-budget", "spec:")],
    "policy-overridden": [("overridden", "limits:")],
    "policy-without-limits": [("no-limits", "spec:")],
    "port-of-parent-wrong": [("no-matching-parent", "8080}")],
    "response-beside-defaults": [("when-unused", "{headers:")],
    "response-of-no-form": [("invalid-annotation", "some")],
    "route-not-allowed": [("not-allowed-by-listeners", "{name: gw,")],
    "route-of-other-kind": [("not-allowed-by-listeners", "{name: gw}")],
    "route-without-parent": [("no-parent", "spec:")],
    "rule-behind-older-route": [("unreachable-rule", "{path: {value: /b}}")],
    "rule-behind-pattern": [("unreachable-rule", "matches: [{path: {value: /toys}}]")],
    "rule-given-twice": [("unreachable-rule", "matches: [{path: {value: /toys/}}]")],
    "rule-with-filters": [
        ("filter-not-carried-out", "RequestHeaderModifier,"),
        ("backend-not-found", "nowhere,"),
        ("filter-not-carried-out", "Host,"),
    ],
    "rule-with-retry": [("no-effect", "retry:"), ("no-effect", "{sessionName: s}")],
    "section-of-gateway-misspelled": [("target-not-found", "htpp}")],
    "section-of-parent-misspelled": [("no-matching-parent", "htpp}")],
    "section-of-route-misspelled": [("target-not-found", "rule-0}")],
    "section-without-route": [("no-path", "private}")],
    "selector-with-empty-name": [("invalid-selector", "request..x-user]")],
    "selector-without-value": [("selector-without-value", "auth.identity.username]")],
    "selectors-select-nothing": [("selects-nothing", "routeSelectors:")],
    "target-in-other-namespace": [("target-not-found", "toystore}")],
    "target-misspelled": [("target-not-found", "toystroe}")],
    "target-named-elsewhere": [("target-elsewhere", "default}")],
    "version-of-another-form": [("other-version", "kuadrant.io/v1")],
    "token-policy": [("kind-not-read", "TokenRateLimitPolicy")],
    "when-beside-defaults": [("when-unused", "[{predicate:")],
    "window-with-fraction": [("window-rounded", "1500ms}")],
}
"""What is found in each file: the code, and the text that stands at the place."""

OTHERWISE = {
    "certificate-untimely",  # depends on the time: tests/unit/gateways/envoy/test_certificates.py
    "identity-not-authenticated",  # of clusters: tests/unit/findings/test_identity_findings.py
    "not-readable",  # of files: tests/unit/standalone/test_check.py
    "too-many-mistakes",  # a thousand of them: tests/unit/api/test_documents.py
    "invalid-match",  # an API server has such; in documents it is an invalid field
    "invalid-text",
    "not-holdable",
    "unsupported",  # of another module: tests/unit/standalone/test_check.py
}
"""Codes without a file."""


def test_every_file_is_in_the_table() -> None:
    assert {path.stem for path in CASES.glob("*.yaml")} == SEEDED.keys()


def test_every_code_has_a_file() -> None:
    told = {code for expected in SEEDED.values() for code, _ in expected}
    assert told | OTHERWISE == RULES.keys()


@pytest.mark.parametrize("name", SEEDED)
def test_a_seeded_mistake_is_named_with_its_place(name: str) -> None:
    text = (CASES / f"{name}.yaml").read_text()
    lines = text.split("\n")
    told = found(text)
    assert [one.code for one in told] == [code for code, _ in SEEDED[name]]
    for one, (_, at) in zip(told, SEEDED[name], strict=True):
        assert lines[one.line - 1][one.column - 1 :].startswith(at)


def test_the_words_of_all_cases(golden: Callable[[Path, str], None]) -> None:
    told = [
        f"{name}: {one.severity}: {one.code}\n  {one.field}: {one.message}\n  => {one.fix}"
        for name in sorted(SEEDED)
        for one in found((CASES / f"{name}.yaml").read_text())
    ]
    golden(CASES.parent / "words.txt", "\n".join(told) + "\n")
