"""From the files of a folder to what the rate limit service and Envoy are to have."""

from __future__ import annotations

from pathlib import Path

import pytest

from kuadrant.compiler import Compiler
from kuadrant.dialects import UnknownDialectError
from kuadrant.gateways import envoy
from kuadrant.standalone.folder_files import File, read
from kuadrant.standalone.plan import Before, Mistakes, Plan, assign, plan
from kuadrant.standalone.summary import summary
from kuadrant.standalone.translate import surroundings, translated
from kuadrant.wasm.module import Module
from tests.listener_certificates import NOW

EXAMPLES = Path(__file__).parents[3] / "examples"
MODULE = Module("shim", b"\0asm", dialects=("kuadrant-v1",))
OFFICIAL = Module("wasm-shim", b"\0asm", version="v0.4.0", dialects=("rate-limit-policies",))

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: default}}
spec:
  gatewayClassName: x
  listeners:
  - {{name: web, port: {port}, protocol: {protocol}}}
"""

POLICY = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: p, namespace: default}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: nowhere}
  limits:
    a: {rates: [{limit: 1, window: 1s}]}
"""


def gateway(name: str, port: int, protocol: str = "HTTP") -> File:
    return File(f"{name}.yaml", GATEWAY.format(name=name, port=port, protocol=protocol))


def planned(*files: File, before: Before = Before()) -> Plan:  # noqa: B008 - it is frozen
    result = plan(files, surroundings(MODULE), before, NOW)
    assert isinstance(result, Plan), result
    return result


def summarized(of: Plan) -> str:
    compiler = Compiler()
    programs = compiler.compile(of.folder.objects).programs
    return summary(programs, of.served, compiler.origins)


def mistakes(*files: File) -> list[str]:
    result = plan(files, surroundings(MODULE), Before(), NOW)
    assert isinstance(result, Mistakes)
    return [str(problem) for problem in result.problems]


@pytest.mark.parametrize("example", ["toystore", "toystore-v1"])
def test_both_versions_of_the_example_hold_one_limit(example: str) -> None:
    (limit,) = planned(*read(EXAMPLES / example)).target.limits

    assert (limit.namespace, limit.max_value, limit.seconds) == ("default/toystore", 5, 10)
    assert limit.conditions == ('descriptors[0]["limit.create_toy__fb82c51a"] == "1"',)


def test_a_file_that_cannot_be_read_is_a_mistake_beside_all_others() -> None:
    assert mistakes(File("b.yaml", error="cannot be read: Permission denied"), File("a.yaml", "kind: [")) == [
        mistakes(File("a.yaml", "kind: ["))[0],
        "b.yaml:1:1: cannot be read: Permission denied",
    ]


def test_a_policy_without_its_target_is_a_mistake() -> None:
    (mistake,) = mistakes(gateway("g", 80), File("policy.yaml", POLICY))

    assert mistake == (
        "policy.yaml:6:70: RateLimitPolicy default/p: spec.targetRef.name: there is no Gateway "
        '"nowhere" in namespace default'
    )


@pytest.mark.row(171)
@pytest.mark.parametrize(
    ("limit", "column", "message"),
    [
        (
            "when: [{predicate: \"request.path.matches('^/(?!health)')\"}]",
            62,
            "spec.limits.a.when[0].predicate: not a regular expression of RE2: invalid perl operator: (?!",
        ),
        (
            "when: [{predicate: 1 / 0 == 0}]",
            63,
            "spec.limits.a.when[0].predicate: it always fails: divide by zero",
        ),
        (
            "counters: [{expression: auth.identity.userid}]",
            66,
            "spec.limits.a.counters[0].expression: there is no 'auth.identity.userid': nothing here authenticates requests; the annotation kuadrant.io/identity of a Gateway says what does",  # noqa: E501 - to be read as one
        ),
    ],
)
def test_an_expression_that_cannot_work_is_a_mistake_with_its_place(
    limit: str, column: int, message: str
) -> None:
    policy = POLICY.replace("nowhere", "g").replace("window: 1s}]}", f"window: 1s}}], {limit}}}")
    assert mistakes(gateway("g", 80), File("policy.yaml", policy)) == [
        f"policy.yaml:8:{column}: RateLimitPolicy default/p: {message}"
    ]


def test_a_listener_that_cannot_be_served_is_noted_and_the_others_are_served() -> None:
    result = planned(gateway("g", 80), gateway("secure", 443, "TLS"))

    assert list(result.served) == [("default/g", 80)]
    (note,) = [str(one) for one in result.findings() if one.code == "listener-not-served"]
    assert note == (
        "secure.yaml:8:38: Gateway default/secure: spec.listeners[0].protocol: is TLS, which kuadrant run "
        "does not serve, only HTTP and HTTPS"
    )


def test_listeners_get_ports_in_order_of_gateway_and_port() -> None:
    assert planned(gateway("b", 80), gateway("a", 8080), gateway("c", 80)).addresses == {
        ("default/a", 8080): envoy.Address("127.0.0.1", 8000),
        ("default/b", 80): envoy.Address("127.0.0.1", 8001),
        ("default/c", 80): envoy.Address("127.0.0.1", 8002),
    }


def test_a_listener_keeps_its_port_when_others_come_and_go() -> None:
    before = planned(gateway("b", 80), gateway("d", 80)).before

    after = planned(gateway("a", 80), gateway("d", 80), gateway("e", 80), before=before).addresses

    assert after["default/d", 80] == before.addresses["default/d", 80]
    assert {address.port for address in after.values()} == {8000, 8001, 8002}


def test_there_may_be_no_port_left() -> None:
    programs = planned(gateway("a", 80), gateway("b", 80)).compilation.programs

    assert assign(programs, envoy.Address("127.0.0.1", 65535), {}) == {
        ("default/a", 80): envoy.Address("127.0.0.1", 65535)
    }


def test_the_order_of_files_does_not_matter() -> None:
    files = read(EXAMPLES / "toystore")

    assert planned(*files).target == planned(*reversed(files)).target


def test_what_a_change_does_not_touch_is_not_worked_out_again() -> None:
    compiler = Compiler()

    def again(*files: File) -> Plan:
        result = plan(files, surroundings(MODULE), Before(), NOW, compiler.compile)
        assert isinstance(result, Plan)
        return result

    example = read(EXAMPLES / "toystore")
    before, after = again(*example, gateway("b", 80)), again(*example, gateway("b", 81))
    assert after.target == planned(*example, gateway("b", 81)).target
    (_, theirs), (other, ours) = before.compilation.programs, after.compilation.programs
    assert theirs is ours
    assert other.listeners[0].port == 81
    # A mistake in between leaves nothing behind.
    assert isinstance(
        plan((*example, File("p.yaml", POLICY)), surroundings(MODULE), Before(), NOW, compiler.compile),
        Mistakes,
    )
    assert again(*example, gateway("b", 81)).target == after.target


def test_a_translation_to_limits_is_what_limitador_reads() -> None:
    assert translated(planned(*read(EXAMPLES / "toystore")), "limits", MODULE) == (
        "- namespace: default/toystore\n"
        "  max_value: 5\n"
        "  seconds: 10\n"
        "  conditions:\n"
        '  - descriptors[0]["limit.create_toy__fb82c51a"] == "1"\n'
        "  variables: []\n"
        "  name: create-toy\n"
    )


def test_a_translation_to_envoy_shows_the_module_by_its_digest() -> None:
    text = translated(planned(*read(EXAMPLES / "toystore")), "envoy", MODULE)

    assert f"inline_bytes: <the 4 bytes of the module with sha256 {MODULE.sha256}>" in text
    assert "name: istio-system/istio-ingressgateway/80" in text


def test_a_translation_to_the_shim_shows_its_configuration_by_listener() -> None:
    text = translated(planned(*read(EXAMPLES / "toystore")), "shim", MODULE)

    assert text.startswith("istio-system/istio-ingressgateway/80:\n  version: 1\n")
    assert "limit.create_toy__fb82c51a" in text


def test_the_summary_says_what_is_limited_and_what_to_try() -> None:
    result = planned(*read(EXAMPLES / "toystore"))

    assert summarized(result) == (
        "Gateway istio-system/istio-ingressgateway, listener http: http://127.0.0.1:8000\n"
        "  api.toystore.com POST /toys\n"
        "    create-toy: 5 in 10 s (default/toystore)\n"
        "  api.toystore.com GET /toys, /toys/...: not limited\n"
        "  Try:\n"
        "    curl -i -X POST -H 'Host: api.toystore.com' http://127.0.0.1:8000/toys\n"
        "    curl -i -H 'Host: api.toystore.com' http://127.0.0.1:8000/toys"
    )


def test_the_summary_says_per_what_and_when_a_limit_counts_readable_at_80_columns() -> None:
    files = read(EXAMPLES / "toystore-v1")
    policy = next(file for file in files if file.path == "ratelimitpolicy.yaml")
    counted = (
        policy.text
        + """\
      counters: [{expression: "request.headers['x-user']"}]
      when: [{predicate: "'x-user' in request.headers"}, {predicate: "request.headers['x-user'] != 'root'"}]
"""
    )
    text = summarized(planned(*(file for file in files if file is not policy), File(policy.path, counted)))

    assert "create-toy: 5 in 10 s for each request.headers['x-user'] when" in text
    assert "'x-user' in request.headers and request.headers['x-user'] != 'root'" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_the_summary_of_a_gateway_without_routes_says_so() -> None:
    result = planned(gateway("g", 80))

    assert summarized(result) == ("Gateway default/g, listener web: http://127.0.0.1:8000\n  no route")


def test_the_summary_of_a_folder_without_a_gateway_says_so() -> None:
    result = planned()

    assert summarized(result) == (
        "Nothing is served: there is no Gateway with a listener of HTTP, or of HTTPS with a certificate."
    )


def test_the_summary_of_a_large_gateway_is_short() -> None:
    rules = "\n".join(f"  - matches: [{{path: {{type: Exact, value: /{number}}}}}]" for number in range(16))
    routes = "---".join(
        f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: r{host}, namespace: default}}
spec:
  parentRefs: [{{name: g}}]
  hostnames: [h{host}.example.com]
  rules:
{rules}
"""
        for host in range(2)
    )
    result = planned(gateway("g", 80), File("routes.yaml", routes))

    lines = summarized(result).splitlines()

    assert lines[21] == "  ... and 12 rules more; kuadrant translate -o shim shows all"
    assert len(lines) == 1 + 20 + 1 + 1 + 4


def test_the_module_s_dialect_is_what_is_written() -> None:
    files = read(EXAMPLES / "toystore")
    result = plan(files, surroundings(OFFICIAL), Before(), NOW)
    assert isinstance(result, Plan), result
    assert "rateLimitPolicies:" in translated(result, "shim", OFFICIAL)
    assert "rateLimitPolicies:" not in translated(planned(*files), "shim", MODULE)


def test_a_policy_that_the_module_cannot_be_told_is_a_mistake() -> None:
    policy = POLICY.replace("name: nowhere", "name: a").replace(
        "{rates: [{limit: 1, window: 1s}]}",
        "{rates: [{limit: 1, window: 1s}], when: [{predicate: \"request.method == 'GET'\"}]}",
    )
    result = plan([gateway("a", 80), File("p.yaml", policy)], surroundings(OFFICIAL), Before(), NOW)
    assert isinstance(result, Mistakes)
    assert [str(problem) for problem in result.problems] == [
        (
            "p.yaml:8:61: RateLimitPolicy default/p: spec.limits.a.when[0].predicate: not in effect: "
            "wasm-shim v0.4.0 cannot do this: it knows no expressions in CEL"
        )
    ]


def test_a_module_of_a_dialect_that_nobody_writes_is_refused() -> None:
    with pytest.raises(
        UnknownDialectError,
        match="reads kuadrant-v9, this build writes kuadrant-v4, kuadrant-v3, kuadrant-v2, kuadrant-v1, ",
    ):
        surroundings(Module("shim", b"\0asm", dialects=("kuadrant-v9",)))
