"""What each limit of the rule did: where it comes from, what it saw, where its counters stand."""

from __future__ import annotations

import pytest

from kuadrant.explanation import ClientRequest
from kuadrant.explanation.short_text import short_text
from kuadrant.explanation.verbose_text import verbose_text
from kuadrant.explanation.words import standing_line, verdict

from .asking import asked, configuration, policy

_GATEWAY = "Gateway, name: gw"
_TEN = "all: {rates: [{limit: 10, window: 1m}]}"


def test_a_limit_that_is_reached_is_named_with_the_line_it_is_written_in() -> None:
    found = asked(policy("few: {rates: [{limit: 2, window: 10s}]}"), times=3, after=4)
    limit = found.limits[0]
    assert (found.outcome, found.limited_by) == ("limited", ("few",))
    assert [(run.count, run.outcome) for run in found.before] == [(2, "admitted")]
    assert (str(limit.origin), limit.origin.field) == ("all.yaml:26:10", "spec.limits.few")
    assert [(one.limit, one.seconds, one.remaining, one.resets_in) for one in limit.standings] == [
        (2, 10, 0, 6.0)
    ]


def test_a_bucket_tells_its_burst_and_when_it_is_full_again() -> None:
    bucket = "few: {algorithm: TokenBucket, burst: 3, rates: [{limit: 2, window: 10s}]}"
    found = asked(policy(bucket), times=3, after=4)
    limit = found.limits[0]
    (standing,) = limit.standings
    assert (limit.algorithm, limit.burst, found.outcome) == ("TokenBucket", 3, "admitted")
    assert (standing.remaining, standing.resets_in) == (0, 11.0)
    assert standing_line(standing).startswith("2 in 10 s, evenly, and 3 at once: none left")


def test_a_shadow_limit_tells_what_it_would_have_done() -> None:
    few_of_them = "few: {mode: Shadow, rates: [{limit: 2, window: 10s}]}"
    found = asked(policy(f"{few_of_them}\nmore: {{rates: [{{limit: 9, window: 10s}}]}}"), times=3)
    few, more = found.limits
    (standing,) = few.standings
    assert (found.outcome, found.limited_by, few.mode, few.applies) == ("admitted", (), "Shadow", "yes")
    assert (standing.remaining, standing.enforced, standing.denies, standing.would_deny) == (
        0,
        False,
        False,
        True,
    )
    assert [(one.remaining, one.enforced) for one in more.standings] == [(6, True)]
    assert standing_line(standing).endswith("; in shadow: it would have refused this request")
    assert verdict(found).startswith("admitted: limit more has room; limit few in shadow would refuse it")
    assert "  2 in 10 s, in shadow, counted under" in verbose_text(found)


def test_a_limit_with_room_in_shadow_is_the_only_one_that_applies() -> None:
    found = asked(policy("few: {mode: Shadow, rates: [{limit: 2, window: 10s}]}"))
    assert verdict(found) == "admitted: no limit is enforced"
    assert found.client is not None
    assert found.client.rate_limit_headers == ()


def test_a_limit_in_shadow_that_fails_is_left_out() -> None:
    limit = """
few:
  mode: Shadow
  rates: [{limit: 2, window: 10s}]
  when: [{predicate: "request.headers['x-user'] == 'a'"}]
"""
    found = asked(policy(limit))
    assert (found.outcome, found.limits[0].applies) == ("admitted", "fails")
    assert verdict(found) == "admitted: no limit applies"
    told = " ".join(short_text(found).split())
    assert "limit few of RateLimitPolicy default/p fails, and is left out since it is in shadow" in told


def test_a_soft_limit_that_is_exceeded_is_told_with_the_headers_of_the_request() -> None:
    limit = "few: {mode: Soft, rates: [{limit: 2, window: 10s}]}"
    found = asked(policy(limit), times=3)
    (few,) = found.limits
    (standing,) = few.standings
    assert (found.outcome, few.refuses, standing.would_deny) == ("admitted", False, True)
    assert found.client is not None
    assert found.client.signals == (("x-kuadrant-limit-exceeded", "few"),)
    assert verdict(found).startswith("admitted: no limit is enforced; limit few is soft and exceeded (2 x")
    assert standing_line(standing, few.mode).endswith("; soft: exceeded by this request")
    assert "it goes on with x-kuadrant-limit-exceeded: few" in short_text(found)
    assert "2 in 10 s, soft, counted under" in verbose_text(found)
    assert "the request goes on with x-kuadrant-limit-exceeded: few" in verbose_text(found)
    with_room = asked(policy(limit), times=2)
    assert with_room.client is not None
    assert with_room.client.signals == ()
    assert verdict(with_room).startswith("admitted: no limit is enforced (1 x")


def test_whether_a_percentage_enforces_depends_on_the_counters_value() -> None:
    limit = (
        "few: {enforcePercent: 50, rates: [{limit: 1, window: 10s}], counters: [{expression: request.path}]}"
    )
    found = [asked(policy(limit), url=f"http://toys.x/toys/{number}", times=2) for number in range(40)]
    refused = [one.outcome == "limited" for one in found]
    assert 5 < sum(refused) < 35
    assert [one.limits[0].standings[0].enforced for one in found] == refused
    assert "enforced for 50 % and in shadow for the others" in verbose_text(found[0])


def test_an_override_tells_what_it_took_the_place_of() -> None:
    override = policy(
        "{}",
        name="top",
        target=_GATEWAY,
        spec="overrides: {limits: {all: {rates: [{limit: 1, window: 1s}]}}}\n",
    ).replace("  limits:\n    {}", "")
    found = asked(policy(_TEN), override)
    (limit,) = found.limits
    assert (limit.policy, limit.section, limit.rates) == ("default/top", "overrides", ((1, 1),))
    assert [(one.policy, str(one.origin)) for one in limit.replaced] == [("default/p", "all.yaml:26:10")]
    assert [(one.policy, one.kept, one.gone) for one in found.policies] == [
        ("default/top", ("all",), ()),
        ("default/p", (), ("all",)),
    ]
    assert found.policies[1].because == "default/top took its place"


def test_a_predicate_tells_what_each_part_of_it_was() -> None:
    found = asked(
        policy(
            """
            some:
              rates: [{limit: 2, window: 10s}]
              when: [{predicate: "request.method == 'POST' || request.url_path == '/other'"}]
            """
        )
    )
    (limit,) = found.limits
    (condition,) = limit.when
    assert (limit.applies, condition.result) == ("no", "false")
    assert [(part.text, part.value) for part in condition.parts] == [
        ("request.method == 'POST' || request.url_path == '/other'", "false"),
        ("request.method == 'POST'", "false"),
        ("request.method", '"GET"'),
        ("request.url_path == '/other'", "false"),
        ("request.url_path", '"/toys"'),
    ]
    assert found.questions == ()


def test_what_has_no_say_is_marked() -> None:
    found = asked(
        policy(
            """
            some:
              rates: [{limit: 2, window: 10s}]
              when: [{predicate: "'x' in request.headers && request.headers['x'] == 'a'"}]
            """
        )
    )
    parts = {part.text: part for part in found.limits[0].when[0].parts}
    assert parts["'x' in request.headers"].needed
    assert not parts["request.headers['x']"].needed
    assert parts["request.headers['x']"].error == "the request has no header x"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("request.?path", 'optional.of("/toys")'),
        ("request.headers[?'x']", "optional.none(), as it is absent"),
        ("request.?referer", "optional.none(), as it is absent"),
        ("optional.of(request.size)", "optional.of(0)"),
    ],
)
def test_a_part_that_is_an_optional_value_is_told_with_what_is_in_it(part: str, value: str) -> None:
    found = asked(
        policy(
            f"""all: {{rates: [{{limit: 2, window: 10s}}], when: [{{predicate: "{part}.hasValue()"}}]}}"""
        ),
        show_values=True,
    )
    parts = {part.text: part.value for part in found.limits[0].when[0].parts}
    assert parts[part] == value


def test_a_header_that_is_absent_is_told_so_and_has_nothing_to_mask() -> None:
    when = """when: [{predicate: "!request.headers[?'x'].hasValue()"}]"""
    limit = f"all: {{rates: [{{limit: 2, window: 10s}}], {when}}}"
    absent = asked(policy(limit))
    there = asked(policy(limit), headers=(("x", "s3cr3t"),))
    assert [
        {part.text: part.value for part in found.limits[0].when[0].parts}["request.headers[?'x']"]
        for found in (absent, there)
    ] == ["optional.none(), as it is absent", "(masked)"]


@pytest.mark.parametrize("optional", ["dyn([request.?path])", "dyn({'a': request.?path})"])
def test_a_part_with_an_optional_value_in_it_is_told_to_have_none(optional: str) -> None:
    found = asked(
        policy(
            f"""all: {{rates: [{{limit: 2, window: 10s}}], when: [{{predicate: "{optional} != dyn(1)"}}]}}"""
        )
    )
    parts = {part.text: part.error for part in found.limits[0].when[0].parts}
    assert parts[optional] == "an optional value is no result"


def test_an_expression_that_fails_is_the_reason_of_a_500_and_says_where() -> None:
    found = asked(
        policy(
            """
            per-user:
              rates: [{limit: 2, window: 10s}]
              counters: [{expression: "request.headers['x-user']"}]
            """
        )
    )
    assert found.client is not None
    assert (found.outcome, found.client.status) == ("failed", 500)
    (counter,) = found.limits[0].counters
    assert (str(counter.origin), counter.error) == ("all.yaml:28:31", "the request has no header x-user")


def test_a_limit_of_v1beta2_says_what_its_selector_read() -> None:
    beta = """\
apiVersion: kuadrant.io/v1beta2
kind: RateLimitPolicy
metadata: {name: p}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toys}
  limits:
    some:
      rates: [{limit: 1, duration: 1, unit: minute}]
      when: [{selector: request.method, operator: eq, value: POST}]
    posts:
      rates: [{limit: 1, duration: 1, unit: minute}]
      routeSelectors: [{matches: [{method: POST}]}]
    mine:
      rates: [{limit: 1, duration: 1, unit: minute}]
      counters: [auth.identity.username]
"""
    some, posts, mine = sorted(asked(beta).limits, key=lambda limit: limit.name, reverse=True)
    assert mine.because == "there is no auth.identity.username: nothing here authenticates requests"
    assert (some.applies, some.when[0].parts[0].value, str(some.when[0].origin)) == (
        "no",
        "GET",
        "all.yaml:28:25",
    )
    assert (posts.applies, posts.because) == ("unselected", "its routeSelectors do not select this rule")


def test_counters_go_on_from_one_question_to_the_next() -> None:
    config = configuration(
        policy("few: {rates: [{limit: 2, window: 10s}]}"),
        policy(
            "all: {rates: [{limit: 9, window: 10s}]}",
            name="q",
            target="HTTPRoute, name: toys, sectionName: rule-1",
        ),
    )
    toys = ClientRequest(url="http://toys.x/toys")
    first = config.explain(toys, times=2)
    other = config.explain(ClientRequest(url="http://toys.x/toys", method="POST"), counters=first.counters)
    assert other.explanation.outcome == "admitted"
    assert config.explain(toys, counters=other.counters).explanation.outcome == "limited"
    assert config.explain(toys, counters=other.counters, now=10).explanation.outcome == "admitted"


@pytest.mark.parametrize(
    ("predicate", "parts"),
    [
        (
            "optional.of(request.method).hasValue() && strings.quote(request.host) != ''",
            ["optional.of(request.method)", "strings.quote(request.host)"],
        ),
        (
            "request.?query.optMap(q, q + 'a').orValue('') == 'a'",
            ["request.?query.optMap(q, q + 'a')", "request.?query"],
        ),
        (
            "type(request.time - request.time) == google.protobuf.Duration",
            ["type(request.time - request.time)"],
        ),
    ],
)
def test_parts_are_told_as_they_are_written(predicate: str, parts: list[str]) -> None:
    text = policy(f"""all: {{rates: [{{limit: 2, window: 10s}}], when: [{{predicate: "{predicate}"}}]}}""")
    told = [part.text for part in asked(text).limits[0].when[0].parts]
    assert told[0] == predicate
    assert set(parts) <= set(told)
    assert all(one in predicate and one.count("(") == one.count(")") for one in told)
    assert not any(one.startswith(("of(", "quote(", "(", "[", "optMap(")) for one in told)


PREFLIGHT = {"origin": "https://shop.example", "access-control-request-method": "POST"}
ONE = "one: {rates: [{limit: 0, window: 10s}], counters: [{expression: \"request.headers['x-user']\"}]}"


def test_a_preflight_is_exempt_though_an_expression_would_fail() -> None:
    record = asked(policy(ONE), method="OPTIONS", headers=tuple(PREFLIGHT.items()))
    assert (record.outcome, record.questions, record.unknown) == ("admitted", (), ())
    (limit,) = record.limits
    assert (limit.applies, limit.because) == ("no", "preflights of browsers are exempt")


def test_a_preflight_that_is_to_count_is_a_request_as_others() -> None:
    spec = "response: {preflights: Count}\n"
    record = asked(policy(ONE, spec=spec), method="OPTIONS", headers=tuple(PREFLIGHT.items()))
    assert record.outcome == "failed"


@pytest.mark.parametrize("missing", PREFLIGHT)
def test_what_only_looks_like_a_preflight_counts(missing: str) -> None:
    headers = tuple(one for one in PREFLIGHT.items() if one[0] != missing)
    assert asked(policy(ONE), method="OPTIONS", headers=headers).outcome == "failed"


def test_headers_that_a_policy_asks_for_are_no_longer_a_question_of_settings() -> None:
    none = "one: {rates: [{limit: 0, window: 10s}]}"
    for spec, sure, perhaps in (
        ("", set(), {"x-ratelimit-limit"}),
        ("response: {headers: RateLimit}\n", {"ratelimit", "ratelimit-policy"}, set()),
        ("response: {headers: None}\n", set(), set()),
    ):
        client = asked(policy(none, spec=spec)).client
        assert client is not None
        assert {name for name, _ in client.headers} == sure
        assert {name for name, _ in client.rate_limit_headers} >= perhaps
        assert bool(client.rate_limit_headers) is bool(perhaps)


def test_the_size_of_a_request_is_that_of_its_body() -> None:
    large = policy("""a: {rates: [{limit: 1, window: 1s}], when: [{predicate: "request.size > 2"}]}""")
    (limit,) = asked(large, method="POST", headers=(("content-length", "3"),)).limits
    assert limit.applies == "yes"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("10.0.0.7", "yes"),
        ("127.0.0.2", "no"),
        ("127.0.0.1", "unknown"),
        ("::1", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_gateway_writes_another_address_for_a_client_of_its_own_machine(
    source: str | None, value: str
) -> None:
    only = """{predicate: "request.headers['x-forwarded-for'] == '10.0.0.7'"}"""
    (limit,) = asked(
        policy(f"a: {{rates: [{{limit: 1, window: 1s}}], when: [{only}]}}"), source=source
    ).limits
    assert limit.applies == value


@pytest.mark.parametrize(
    ("counter", "anew"),
    [
        ("source.address", True),
        ("request.method + source.address", True),
        ("source.address.split(':')[0]", False),
        ("source.remote_address", False),
        ("source.address == '10.0.0.7:1'", False),
    ],
)
def test_a_counter_begins_anew_with_a_connection_if_the_port_is_in_its_value(
    counter: str, anew: bool
) -> None:
    limit = f'a: {{rates: [{{limit: 2, window: 1s}}], counters: [{{expression: "{counter}"}}]}}'
    (traced,) = asked(policy(limit), source="10.0.0.7:4711").limits
    assert standing_line(traced.standings[0]).endswith("each new connection begins anew") is anew


@pytest.mark.parametrize(
    ("predicate", "why"),
    [
        ("request.useragent == 'a'", "the request has no header user-agent"),
        ("true && request.useragent == 'a'", "the request has no header user-agent (column 9)"),
        ("true\\n&& request.referer == 'a'", "the request has no header referer (line 2, column 4)"),
        ("request.headers['x-usr'] == 'a'", "the request has no header x-usr; did you mean x-user?"),
        (
            "queryMap(request.query)['pgae'] == '1'",
            "queryMap(request.query) has no 'pgae'; did you mean 'page'?",
        ),
        ("queryMap(request.query)['a'] == '1'", "queryMap(request.query) has no 'a'; it has page"),
        ("request.url_path.split('/')[4] == 'a'", "request.url_path.split('/') has 2 items, 5 are needed"),
        ("request.url_path.substring(9, 12) == 'a'", "request.url_path has 5 characters, 12 are needed"),
        ("request.headers['x-user'].substring(9) == 'a'", "has fewer than 9 characters"),
        ("int(request.headers['x-user']) > 1", "request.headers['x-user'] is no text that int takes"),
        ("request.headers[?'x-none'].value() == 'a'", "request.headers[?'x-none'] has no value"),
        ("1 / request.size > 1", "request.size is 0, and divided by"),
    ],
)
def test_a_failure_is_told_in_plain_words_with_its_place(predicate: str, why: str) -> None:
    limit = f'a: {{rates: [{{limit: 2, window: 1s}}], when: [{{predicate: "{predicate}"}}]}}'
    (traced,) = asked(policy(limit), url="http://toys.x/toys?page=1", headers=(("x-user", "s3cret"),)).limits
    assert traced.because.endswith(why)
    assert "s3cret" not in str(traced)


@pytest.mark.parametrize("failure_mode", ["deny", "allow"])
def test_an_evaluation_that_the_gateway_ends_refuses_the_request(failure_mode: str) -> None:
    costly = "request.path.matches('^/toys/(a+)*(a|b)+x$') || true"
    when = f"""[{{predicate: "request.method == 'GET'"}}, {{predicate: "{costly}"}}]"""
    limit = f"a: {{rates: [{{limit: 2, window: 1s}}], when: {when}}}"
    url = f"http://toys.x/toys/{'a' * 20_000}"
    found = asked(policy(limit), url=url, failure_mode=failure_mode)
    assert (found.outcome, found.client.status if found.client else None) == ("failed", 500)
    assert found.limits[0].because.endswith(
        "the gateway ends it after 50,000 steps: the regular expression '^/toys/(a+)*(a|b)+x$' over "
        "request.path takes most of them"
    )
    # It ends nothing that only watches.
    shadow = limit.replace("a: {", "a: {mode: Shadow, ")
    assert asked(policy(shadow), url=url, failure_mode=failure_mode).outcome == "admitted"
    # A condition before it that is false keeps it from being evaluated, and a short path is none too long.
    assert asked(policy(limit), url=url, failure_mode=failure_mode, method="PUT").outcome == "admitted"
    assert asked(policy(limit), url="http://toys.x/toys/aaa", failure_mode=failure_mode).outcome == "admitted"
