"""Rules that answer 500: what is said of them is what the Envoy of `kuadrant run` is told."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kuadrant.api import documents
from kuadrant.compiler import compile_gateways
from kuadrant.findings import findings
from kuadrant.gateways.envoy.route_actions import Seen, action
from tests.unit.findings.checked import GATEWAY, SERVICE, route

FAR = SERVICE.replace("app", "far").replace("default", "other")
BACKENDS = st.lists(
    st.fixed_dictionaries(
        {"name": st.just("app"), "port": st.just(80)},
        optional={
            "weight": st.integers(0, 2),
            "namespace": st.just("other"),
            "kind": st.just("Bucket"),
            "filters": st.just(
                [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x-a"]}}]
            ),
        },
    ),
    max_size=3,
)
KNOWN: list[dict[str, Any]] = [
    {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["Host"]}},
    {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["x-a"]}},
    {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "app", "port": 80}}},
    {"type": "CORS", "cors": {"allowOrigins": ["https://a.example"]}},
    {"type": "URLRewrite", "urlRewrite": {"hostname": "b.example"}},
]
FILTERS = st.lists(st.sampled_from(KNOWN), max_size=2, unique_by=lambda one: str(one["type"]))
WHOLE = frozenset({"no-backend", "filter-not-carried-out"})
SHARE = frozenset({"invalid-kind", "ref-not-permitted"})


@settings(max_examples=300)
@given(BACKENDS, FILTERS)
def test_a_rule_that_answers_500_is_told_and_no_other(
    backends: list[dict[str, Any]], filters: list[dict[str, Any]]
) -> None:
    text = route(json.dumps([{"backendRefs": backends, "filters": filters}]))
    folder = documents.read((f"{n}.yaml", one) for n, one in enumerate((GATEWAY, SERVICE, FAR, text)))
    assert not folder.problems
    compilation = compile_gateways(folder.objects)
    told = [one.code for one in findings(folder, compilation)]
    (host,) = [one for one in compilation.programs[0].listeners[0].hosts if one.rules]
    done = action(host.hostname, host.rules[0], Seen(80))
    sent = [one for one in backends if one.get("weight", 1)]
    is_refused = bool(WHOLE & {*told}) or sum(code in SHARE for code in told) == len(sent)
    assert is_refused == (done.get("direct_response") == {"status": 500})
    assert bool(SHARE & {*told}) == any("namespace" in one or "kind" in one for one in sent)
