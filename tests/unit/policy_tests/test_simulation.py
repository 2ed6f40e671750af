"""What becomes of tests: simulated time, counters of their own, and what is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from kuadrant.explanation import ClientRequest, RequestError
from kuadrant.policy.attributes import TABLE
from kuadrant.policy_tests.moments import seconds, spelled_time
from kuadrant.standalone.folder_files import File
from kuadrant.standalone.loading import configured
from kuadrant.wasm.catalogue import current
from tests.unit.policy_tests.examples import GATEWAY, POLICY, missed, results

if TYPE_CHECKING:
    from kuadrant.policy.failure_mode import FailureMode

POST = "request: {method: POST, host: toys.example.com, path: /toys}"
GET = "request: {host: toys.example.com, path: /toys}"
OF_ALICE = "request: {host: toys.example.com, path: /toys, headers: {X-User: alice}}"
BACKEND = "not known: the backend may send it"
ASKED, UNASKED = "the rate limit service is asked", "nothing is asked"


def test_what_is_expected_is_met() -> None:
    cases = results(f"""\
        tests:
        - name: five, and five again when the window is over
          steps:
          - {{{POST}, times: 7, expect: {{status: 200x5 then 429, limitedBy: all, rule: toys}}}}
          - advance: 9999ms
          - {{{POST}, expect: {{status: 429, remaining: 0}}}}
          - advance: 1ms
          - {{{POST}, times: 2, expect: {{status: 200, remaining: 3, policies: [toys]}}}}
        - name: each test begins anew
          steps:
          - {{{POST}, expect: {{status: 200, remaining: 4}}}}
        - name: at a time
          steps:
          - {{at: 1500ms, {POST}, times: 5}}
          - {{at: 11s, {POST}, expect: {{status: 429}}}}
          - {{at: 11500ms, {POST}, expect: {{status: 200}}}}
        """)
    assert [(case.name, case.misses) for case in cases] == [
        ("five, and five again when the window is over", ()),
        ("each test begins anew", ()),
        ("at a time", ()),
    ]
    assert [case.requests for case in cases] == [10, 1, 7]


@pytest.mark.parametrize(
    ("step", "misses"),
    [
        (
            f"{{{POST}, times: 6, expect: {{status: 200}}}}",
            [("status", "200x6", "200x5 then 429")],
        ),
        (f"{{{POST}, expect: {{limitedBy: all}}}}", [("limitedBy", "all", "no request is limited")]),
        (f"{{{POST}, times: 6, expect: {{limitedBy: al}}}}", [("limitedBy", "al", "all")]),
        (f"{{{GET}, expect: {{rule: moved}}}}", [("rule", "moved", "default/toys/toys")]),
        (f"{{{GET}, expect: {{rule: ys}}}}", [("rule", "ys", "default/toys/toys")]),
        (f"{{{GET}, expect: {{rule: default/toys/toys}}}}", []),
        (f"{{{GET}, expect: {{policies: [toys]}}}}", [("policies", "default/toys", "none")]),
        (f"{{{POST}, expect: {{policies: []}}}}", [("policies", "none", "default/toys")]),
        (f"{{{POST}, expect: {{policies: [other/toys]}}}}", [("policies", "other/toys", "default/toys")]),
        (f"{{{POST}, times: 2, expect: {{remaining: 4}}}}", [("remaining", "4", "3")]),
        (f"{{{GET}, expect: {{remaining: 4}}}}", [("remaining", "4", "nothing was asked")]),
        (f"{{{GET}, expect: {{asked: true}}}}", [("asked", ASKED, UNASKED)]),
        (f"{{{POST}, expect: {{asked: false}}}}", [("asked", UNASKED, ASKED)]),
        (f"{{{GET}, expect: {{headers: {{X-RULE: toys}}}}}}", []),
        (f"{{{GET}, expect: {{headers: {{x-rule: cars}}}}}}", [("headers.x-rule", '"cars"', '"toys"')]),
        (f"{{{GET}, expect: {{headers: {{x-no: a}}}}}}", [("headers.x-no", '"a"', BACKEND)]),
        (f'{{{POST}, times: 2, expect: {{headers: {{x-ratelimit-remaining: "3"}}}}}}', []),
        ("{request: {host: other.example.com}, expect: {rule: toys}}", [("rule", "toys", "no rule")]),
    ],
)  # fmt: skip
def test_what_is_missed_is_told_with_both_sides(step: str, misses: list[tuple[str, str, str]]) -> None:
    assert missed(step) == misses


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("host: toys.example.com, path: /toys", 200),
        ("host: TOYS.example.com:80, path: /toys/1", 200),
        ("host: other.example.com, path: /toys", 404),
        ("host: toys.example.com, path: /cars", 404),
        ("host: toys.example.com, path: /moved", 301),
        ("host: toys.example.com, path: /nowhere", 500),
        ("host: toys.example.com, path: /nowhere, headers: {content-type: application/grpc}", 200),
    ],
)
def test_an_admitted_request_gets_what_its_rule_says_and_200_from_a_backend(
    request_: str, status: int
) -> None:
    assert missed(f"{{request: {{{request_}}}, expect: {{status: {status}}}}}") == []


@pytest.mark.parametrize(
    ("path", "times", "status", "grpc_status"),
    [("/toys", 6, "200x6", "8"), ("/cars", 1, "200", "12"), ("/nowhere", 1, "200", "2")],
)
def test_a_client_of_grpc_gets_the_status_in_a_header(
    path: str, times: int, status: str, grpc_status: str
) -> None:
    fields = (
        f"method: POST, host: toys.example.com, path: {path}, headers: {{content-type: application/grpc}}"
    )
    expect = f'status: {status}, headers: {{grpc-status: "{grpc_status}"}}'
    assert missed(f"{{request: {{{fields}}}, times: {times}, expect: {{{expect}}}}}") == []


CORS = "{type: CORS, cors: {allowOrigins: ['https://a.example']}}"
ORIGIN = "origin: https://a.example"


@pytest.mark.parametrize(
    ("path", "expect", "misses"),
    [
        ("/toys", "headers: {x-rule: toys}", [("headers.x-rule", '"toys"')]),
        ("/moved", "status: 200", []),
    ],
)
def test_a_preflight_gets_what_the_filter_cors_says_and_nothing_of_its_rule(
    path: str, expect: str, misses: list[tuple[str, str]]
) -> None:
    asked = f"{ORIGIN}, access-control-request-method: POST"
    fields = f"method: OPTIONS, host: toys.example.com, path: {path}, headers: {{{asked}}}"
    world = GATEWAY.replace("filters: [", f"filters: [{CORS}, ")
    told = "not known: the gateway's filter CORS may send it"
    assert missed(f"{{request: {{{fields}}}, expect: {{{expect}}}}}", world=world) == [
        (*miss, told) for miss in misses
    ]


def test_what_the_filter_cors_says_of_other_requests_is_not_known() -> None:
    fields = f"host: toys.example.com, path: /toys, headers: {{{ORIGIN}}}"
    expect = "headers: {x-rule: toys, access-control-allow-origin: a}"
    world = GATEWAY.replace("filters: [", f"filters: [{CORS}, ")
    ((field, _, got),) = missed(f"{{request: {{{fields}}}, expect: {{{expect}}}}}", world=world)
    assert (field, got) == (
        "headers.access-control-allow-origin",
        "not known: the gateway's filter CORS may send it",
    )


def test_the_first_request_that_missed_is_told_with_what_happened_to_it() -> None:
    (case,) = results(f"""\
        tests:
        - name: a
          steps:
          - {{at: 3s, {POST}, times: 8, expect: {{status: 200x7 then 429}}}}
        """)
    (miss,) = case.misses
    assert (miss.line, miss.field) == (4, "steps[0].expect.status")
    assert miss.request == "request 6 of 8, POST http://toys.example.com/toys at 3s"
    assert miss.why == "429: limited by all of default/toys (5 in 10s), free again in 10s"


def test_values_have_counters_of_their_own_and_every_limit_without_room_is_one_that_limits() -> None:
    alice, bob = OF_ALICE, OF_ALICE.replace("alice", "bob")
    (case,) = results(f"""\
        tests:
        - name: a
          steps:
          - {{{alice}, times: 3, expect: {{status: 200x2 then 429, limitedBy: per-user}}}}
          - {{{bob}, expect: {{status: 200, remaining: 1}}}}
          - advance: 10s
          - {{{alice}, times: 2, expect: {{status: [200, 429], limitedBy: per-user, remaining: 0}}}}
        """)
    assert case.misses == ()
    assert case.outcome == "passed"


BY = """\
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: toys}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}}
  limits: {{by: {{rates: [{{limit: 1, window: 10s}}], counters: [{{expression: "{counter}"}}]}}}}
"""


@pytest.mark.parametrize(
    ("counter", "fields", "status"),
    [
        ("source.address", "source: '10.0.0.7:4711'", "[200, 429]"),
        ("source.remote_address", "source: 127.0.0.1", "[200, 429]"),
        ("source.remote_address", "source: 10.0.0.7", "[200, 429]"),
        ("source.remote_address + request.method", "source: 10.0.0.7", "[200, 429]"),
        ("request.headers['x-forwarded-for']", "source: 10.0.0.7", "[200, 429]"),
        ("request.query", "query: {page: a b}", "[200, 429]"),
        ("request.headers['x-user']", "", "500x2"),
        (
            "metadata.filter_metadata['envoy.filters.http.jwt_authn'].payload.sub",
            "jwt: {sub: a}",
            "[200, 429]",
        ),
        ("metadata.filter_metadata['envoy.filters.http.jwt_authn'].payload.sub", "jwt: {}", "500x2"),
        (
            "metadata.filter_metadata['envoy.filters.http.jwt_authn'].keycloak.level",
            "jwt: {level: 3, groups: [a]}, jwtProvider: keycloak",
            "[200, 429]",
        ),
    ],
)
def test_what_a_request_is_counted_by(counter: str, fields: str, status: str) -> None:
    request = f"{{host: toys.example.com, path: /toys, {fields}}}"
    step = f"{{request: {request}, times: 2, expect: {{status: {status}}}}}"
    assert missed(step, BY.format(counter=counter)) == []


HEADERS = "request.headers"
OF_GATEWAYS = tuple(
    f"{HEADERS}.{name}" for name in ("x-request-id", "x-envoy-external-address", "x-envoy-internal")
)


@pytest.mark.parametrize(
    ("reads", "fields", "got"),
    [
        ("request.total_size", "", "request.total_size; no test can state it"),
        ("connection.id", "", "connection.id; no test can state it"),
        ("destination.port", "", "destination.port; no test can state it"),
        ("xds.cluster_name", "", "xds; no test can state it"),
        ("request.id", "", "request.id; no test can state it"),
        ("request.time", "", "request.time; write begins: MOMENT in the test"),
        ("source.remote_address", "", "source.remote_address; write source: ADDRESS in the request"),
        ("source.port", "source: 10.0.0.7", "source.port; write source: ADDRESS:PORT in the request"),
        (
            "request.headers['x-forwarded-for']",
            "source: 127.0.0.1",
            "request.headers.x-forwarded-for; no test can state it",
        ),
        (
            "size(request.headers)",
            "",
            " and ".join((f"{HEADERS}.x-forwarded-for", *OF_GATEWAYS))
            + f"; no test can state {' and '.join(OF_GATEWAYS)}",
        ),
        ("metadata.a.b", "", "metadata; write jwt: CLAIMS in the request ({} for one without a token)"),
    ],
)
def test_a_test_that_depends_on_what_it_does_not_state_fails_and_says_so(
    reads: str, fields: str, got: str
) -> None:
    request = f"request: {{host: toys.example.com, path: /toys, {fields}}}"
    steps = f"steps: [{{{request}, expect: {{status: 201}}}}, {{{request}, expect: {{status: 202}}}}]"
    tests = f"tests: [{{name: a, {steps}}}]"
    decides = BY.format(counter=reads).replace(
        "counters:", "when: [{predicate: \"'x-known' in request.headers\"}], counters:"
    )

    (case,) = results(tests, decides)
    assert [miss.got for miss in case.misses] == ["200", "200"]

    (case,) = results(tests, BY.format(counter=reads))
    (miss,) = case.misses
    assert miss.field == "steps[0].request"
    assert miss.expected == "an outcome that is known"
    assert miss.got.removeprefix("not known: it depends on ") == got


def test_the_moment_at_which_a_test_begins_is_the_time_of_its_requests() -> None:
    policy = BY.format(counter="request.method").replace(
        "counters:", 'when: [{predicate: "request.time.getHours() >= 22"}], counters:'
    )
    (case,) = results(
        f"""\
        tests:
        - name: at night
          begins: 2026-01-02T22:59:58+01:00
          steps:
          - {{{GET}, times: 2, expect: {{status: 200, asked: false}}}}
          - {{at: 2s, {GET}, times: 2, expect: {{status: [200, 429]}}}}
        """,
        policy,
    )
    assert case.misses == ()


@pytest.mark.parametrize("name", sorted({one.name.removesuffix(".*") for one in TABLE} - {"auth"}))
def test_a_test_knows_what_explain_knows(name: str) -> None:
    expression = f"string(dyn({name})) != 'a'"
    for source in (None, "10.0.0.7", "10.0.0.7:4711", "127.0.0.1"):
        fields = "" if source is None else f"source: '{source}'"
        policy = BY.format(counter=expression)
        step = f"{{request: {{host: toys.example.com, path: /toys, {fields}}}}}"
        explained = configured([File("a.yaml", f"{KNOWING}\n---\n{policy}")], current(None), "deny").explain(
            ClientRequest(url="http://toys.example.com/toys", source=source)
        )
        unknown = {fact.name for fact in explained.explanation.unknown}
        missed_here = missed(step, policy, world=KNOWING)
        assert bool(missed_here) == bool(unknown)
        assert all(one in missed_here[0][2] for one in unknown)


KNOWING = GATEWAY.replace("{name: gw}", "{name: gw, annotations: {kuadrant.io/identity: jwt}}", 1)


def test_a_claim_is_selected_by_v1beta2_too() -> None:
    policy = """\
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: toys}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}
  limits:
    by:
      rates: [{limit: 1, duration: 10, unit: second}]
      counters: ['metadata.filter_metadata.envoy\\.filters\\.http\\.jwt_authn.payload.sub']
"""
    of_alice = "request: {host: toys.example.com, path: /toys, jwt: {sub: alice}}"
    assert missed(f"{{{of_alice}, times: 2, expect: {{status: [200, 429]}}}}", policy) == []
    unknown = "request: {host: toys.example.com, path: /toys, jwt: {}}"
    assert missed(f"{{{unknown}, times: 2, expect: {{status: 200, asked: false}}}}", policy) == []


@pytest.mark.parametrize(
    ("times", "signals", "got"),
    [
        (2, "{}", ""),
        (3, "{X-Kuadrant-Limit-Exceeded: all}", ""),
        (3, "{}", "x-kuadrant-limit-exceeded: all"),
        (2, "{x-a: b}", "none"),
    ],
)
def test_by_what_a_request_over_a_soft_limit_is_marked_is_compared(
    times: int, signals: str, got: str
) -> None:
    soft = POLICY.replace(
        "rates: [{limit: 5, window: 10s}]", "rates: [{limit: 2, window: 10s}]\n      mode: Soft"
    )
    found = missed(f"{{{POST}, times: {times}, expect: {{status: 200, signals: {signals}}}}}", soft)
    assert [(field, told) for field, _, told in found] == ([("signals", got)] if got else [])


def test_a_soft_limit_of_slices_marks_only_where_no_clock_has_a_say() -> None:
    rates = "rates: [{limit: 1, window: 10s}]\n      mode: Soft\n      algorithm: SlidingWindow"
    soft = POLICY.replace("rates: [{limit: 5, window: 10s}]", rates)
    (miss,) = results(
        f"""\
        tests:
        - name: a
          steps:
          - {{{POST}}}
          - advance: 10500ms
          - {{{POST}, expect: {{status: 200, signals: {{}}}}}}
""",
        soft,
    )[0].misses
    assert "not known: they depend on" in miss.got


@pytest.mark.parametrize(("source", "provider"), [("jwt", ""), ("jwt:keycloak", ", jwtProvider: keycloak")])
def test_the_claims_of_a_request_are_its_identity(source: str, provider: str) -> None:
    policy = BY.format(counter="auth.identity.?sub.orValue('nobody')")
    annotations = f"annotations: {{kuadrant.io/identity: '{source}'}}"
    knowing = GATEWAY.replace("{name: gw}", f"{{name: gw, {annotations}}}", 1)
    of_alice = f"request: {{host: toys.example.com, path: /toys, jwt: {{sub: alice}}{provider}}}"
    nobody = "request: {host: toys.example.com, path: /toys, jwt: {}}"
    for request in (of_alice, nobody):
        step = f"{{{request}, times: 2, expect: {{status: [200, 429]}}}}"
        assert missed(step, policy, world=knowing) == []


@pytest.mark.parametrize(("failure_mode", "status"), [("deny", 500), ("allow", 200)])
def test_the_failure_mode_decides_where_an_expression_fails(failure_mode: FailureMode, status: int) -> None:
    policy = BY.format(counter="request.headers['x-user']")
    assert missed(f"{{{GET}, expect: {{status: {status}}}}}", policy, failure_mode=failure_mode) == []


def test_what_was_reached_is_known() -> None:
    reads, posts = results(
        f"tests: [{{name: a, steps: [{{{GET}}}]}}, {{name: b, steps: [{{{POST}}}]}}]", POLICY
    )
    assert {str(one) for one in reads.reached} == {"default/toys/toys"}
    assert {str(one) for one in posts.reached} == {"default/toys/toys", "all of default/toys (5 in 10s)"}


@pytest.mark.parametrize("began", [0, 1, 99, 100, 333, 1500, 999_999_999])
@pytest.mark.parametrize("window", [1, 10, 60, 86_400])
def test_a_window_ends_after_exactly_its_length(began: int, window: int) -> None:
    ends = seconds(began) + window
    assert seconds(began + window * 1000 - 1) < ends == seconds(began + window * 1000)


@pytest.mark.parametrize(
    ("moment", "text"), [(0, "0s"), (10_000, "10s"), (5_400_000, "1h30m"), (1500, "1s500ms")]
)
def test_times_are_spelled_as_durations_are_written(moment: int, text: str) -> None:
    assert spelled_time(moment) == text


def test_what_a_gateway_answers_by_itself_is_no_request_of_a_rule_and_is_not_counted() -> None:
    long = "a" * 62_000
    (case,) = results(f"""\
        tests:
        - name: refused
          steps:
          - request: {{method: BREW, host: toys.example.com, path: /toys}}
            expect: {{status: 400, asked: false, policies: []}}
          - request: {{method: POST, host: toys.example.com, path: /toys/%00}}
            expect: {{status: 400}}
          - request: {{method: POST, host: toys.example.com, path: /toys, headers: {{x-long: {long}}}}}
            expect: {{status: 431}}
          - {{{POST}, expect: {{status: 200, remaining: 4}}}}
          - request: {{method: BREW, host: toys.example.com, path: /toys}}
            expect: {{status: 200}}
        """)
    (miss,) = case.misses
    assert (miss.expected, miss.got) == ("200", "400")
    assert "it takes no method BREW" in str(miss)


ANSWER = """
  response:
    overLimit:
      headers:
        x-user: {selector: request.headers.x-user}
        x-time: {expression: request.time}
"""


def test_an_answer_is_made_of_what_a_test_states_and_of_nothing_else() -> None:
    policy = POLICY.replace("  limits:\n", f"{ANSWER[1:]}  limits:\n")
    expected = "{status: 429, headers: {x-user: alice, x-time: '2026-01-02T03:04:05Z'}}"
    steps = f"steps: [{{{OF_ALICE}, times: 2}}, {{{OF_ALICE}, expect: {expected}}}]"
    (case,) = results(f"tests: [{{name: a, {steps}}}]", policy)
    assert [(miss.field, miss.got) for miss in case.misses] == [
        ("steps[1].expect.headers.x-time", '"(not known)"'),
    ]
    (case,) = results(f"tests: [{{name: a, begins: '2026-01-02T03:04:05Z', {steps}}}]", policy)
    assert case.misses == ()


def test_a_rule_of_which_some_backends_can_only_answer_500_is_noted() -> None:
    canary = "[{name: toys, port: 80, weight: 9}, {name: canary, namespace: canary, port: 80}]"
    world = GATEWAY.replace("[{name: toys, port: 80}]", canary, 1)
    text = f"tests: [{{name: a, steps: [{{{POST}, expect: {{status: 200}}}}]}}]"
    (case,) = results(text, world=world)
    assert case.outcome == "passed"
    assert [one.partition(": ")[2] for one in case.in_part] == [
        "500 for 1 of 10 requests: no ReferenceGrant allows canary/canary, or it is no Service with a port"
    ]
    assert results(text)[0].in_part == ()


_SERVED = "toys.example.com"


def _explained(headers: str, host: str) -> int:
    """The status of a POST of the toys by what explains it."""
    asked = tuple(yaml.safe_load(f"{{{headers}}}").items())
    files = [File("a.yaml", GATEWAY), File("b.yaml", POLICY)]
    request = ClientRequest(url=f"http://{host}/toys", method="POST", headers=asked)
    try:
        client = configured(files, current(None), "deny").explain(request).explanation.client
    except RequestError as error:
        return int(str(error).partition("answers with ")[2][:3])
    assert client is not None
    return client.status or 200


@pytest.mark.parametrize(
    ("headers", "host", "status"),
    [
        ("connection: upgrade, upgrade: websocket", _SERVED, 200),
        ("connection: upgrade", _SERVED, 200),
        ("connection: 'upgrade, http2-settings', upgrade: h2c", _SERVED, 200),
        ("connection: upgrade, upgrade: irc", _SERVED, 403),
        ("connection: upgrade, upgrade: irc", "nowhere.x", 404),
        ("connection: x-forwarded-for", "nowhere.x", 400),
        ("keep-alive: '5', expect: 100-continue", _SERVED, 200),
    ],
)
def test_headers_of_a_connection_are_answered_as_explain_has_it(headers: str, host: str, status: int) -> None:
    request = f"{{method: POST, host: {host}, path: /toys, headers: {{{headers}}}}}"
    (case,) = results(f"tests: [{{name: a, steps: [{{request: {request}, expect: {{status: {status}}}}}]}}]")
    assert case.misses == ()
    assert _explained(headers, host) == status


def test_a_backend_that_does_not_exist_is_named() -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: toys}\nspec: {ports: [{port: 80}]}\n---\n"
    canary = "[{name: toys, port: 80, weight: 3}, {name: canary, port: 80}]"
    world = service + GATEWAY.replace("[{name: toys, port: 80}]", canary, 1)
    text = f"tests: [{{name: a, steps: [{{{POST}, expect: {{status: 200}}}}]}}]"
    assert [one.partition(": ")[2] for one in results(text, world=world)[0].in_part] == [
        "503 for 1 of 4 requests: there is no Service default/canary (with --echo the echo answers)"
    ]
    assert results(text, world=service + GATEWAY)[0].in_part == ()
    assert results(text, world=world.removeprefix(service))[0].in_part == ()  # Services are elsewhere


CHANGED = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toys}
spec:
  parentRefs: [{name: gw}]
  hostnames: [toys.example.com]
  rules:
  - matches: [{path: {value: /toys}}]
    filters:
    - type: ResponseHeaderModifier
      responseHeaderModifier:
        set: [{name: x-rule, value: lim}, {name: content-type, value: text/html}]
        add: [{name: retry-after, value: "1"}]
        remove: [retry-after]
    backendRefs: [{name: toys, port: 80}]
"""


@pytest.mark.parametrize(
    ("path", "times", "expect", "misses"),
    [
        ("/toys", 6, 'x-rule: lim, content-type: text/html, retry-after: "1,10"', []),
        ("/toys", 6, "x-no: a", ["no such header"]),
        ("/toys", 6, "date: a", ["not known: the gateway sets it"]),
        ("/cars", 1, "content-type: text/plain", ["no such header"]),
    ],
)
def test_what_the_route_says_of_headers_holds_for_answers_of_the_filter_too(
    path: str, times: int, expect: str, misses: list[str]
) -> None:
    request = f"{{method: POST, host: toys.example.com, path: {path}}}"
    steps = f"{{request: {request}, times: {times}, expect: {{headers: {{{expect}}}}}}}"
    world = GATEWAY.partition("---")[0] + "---\n" + CHANGED
    (case,) = results(f"tests: [{{name: a, steps: [{steps}]}}]", POLICY, world=world)
    assert [miss.got for miss in case.misses] == misses


@pytest.mark.parametrize(
    ("step", "misses"),
    [
        (f"{{{POST}, times: 6, expect: {{headers: {{content-type: text/plain, retry-after: '10'}}}}}}", []),
        (
            "{request: {host: toys.example.com, path: /moved}, expect: {headers: {location: 'http://a.x'}}}",
            [("headers.location", '"http://a.x"', "not known: the gateway makes it")],
        ),
        (
            "{request: {host: toys.example.com, path: /moved}, expect: {headers: {x-no: a}}}",
            [("headers.x-no", '"a"', "no such header")],
        ),
    ],
)
def test_a_header_that_is_not_known_is_not_said_to_be_missing(
    step: str, misses: list[tuple[str, str, str]]
) -> None:
    assert missed(step) == misses


SLIDING = """\
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {{name: toys}}
spec:
  targetRef: {{group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}}
  limits: {{all: {{algorithm: SlidingWindow, rates: [{{limit: {most}, window: {window}}}]}}}}
"""
OF_CLOCK = "not known: it depends on when the rate limit service begins a tenth of a sliding window"


@pytest.mark.parametrize(
    ("later", "status", "is_known"),
    [
        ("10s", "429", True),
        ("10001ms", "429", False),
        ("10500ms", "429", False),
        ("10500ms", "200", False),
        ("10999ms", "200", False),
        ("11s", "200", True),
    ],
)
def test_whether_a_hit_that_is_1_to_1_1_windows_old_counts_is_not_known(
    later: str, status: str, *, is_known: bool
) -> None:
    (case,) = results(
        f"tests: [{{name: a, steps: [{{{GET}}}, {{at: {later}, {GET}, expect: {{status: {status}}}}}]}}]",
        SLIDING.format(most=1, window="10s"),
    )
    assert [miss.got.partition(";")[0] for miss in case.misses] == ([] if is_known else [OF_CLOCK])


@pytest.mark.parametrize(
    ("most", "window", "steps", "misses"),
    [
        (1, "10s", f'{{{GET}, times: 2, expect: {{headers: {{retry-after: "11"}}}}}}', []),
        (1, "1m", f'{{{GET}, times: 2, expect: {{headers: {{retry-after: "66"}}}}}}', [OF_CLOCK]),
        (3, "10s", f"{{{GET}}}, {{at: 10s, {GET}, expect: {{status: 200, remaining: 1}}}}", []),
        (3, "10s", f"{{{GET}}}, {{at: 10500ms, {GET}, expect: {{status: 200, remaining: 1}}}}", [OF_CLOCK]),
        (3, "10s", f"{{{GET}}}, {{at: 10500ms, {GET}, expect: {{status: 200}}}}", []),
    ],
)
def test_what_else_depends_on_where_a_sliding_window_is_cut_is_not_known(
    most: int, window: str, steps: str, misses: list[str]
) -> None:
    (case,) = results(f"tests: [{{name: a, steps: [{steps}]}}]", SLIDING.format(most=most, window=window))
    assert [miss.got for miss in case.misses] == misses
