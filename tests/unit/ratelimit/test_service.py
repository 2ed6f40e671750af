import urllib.request
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import start_http_server

from kuadrant.api.limit_expressions import EvaluationError
from kuadrant.api.limit_validity import Expressions, Judged, judge
from kuadrant.api.limitador import Limit
from kuadrant.envoy_api import message
from kuadrant.ratelimit import InvalidLimitsError, RateLimitService, compiled_limits, limit_index
from kuadrant.ratelimit.question import InvalidRequestError, Questions
from kuadrant.ratelimit.unknown_limits import UnknownLimitError

REQUEST: Any = message("envoy.service.ratelimit.v3.RateLimitRequest")
RESPONSE: Any = message("envoy.service.ratelimit.v3.RateLimitResponse")
CREATE_TOY = 'descriptors[0]["limit.create_toy__fb82c51a"] == "1"'


def toystore(max_value: int = 5, **more: Any) -> Limit:
    fields: dict[str, Any] = {
        "namespace": "default/toystore",
        "seconds": 10,
        "conditions": (CREATE_TOY,),
    } | more
    return Limit(max_value=max_value, **fields)


def encoded(*descriptors: dict[str, str], domain: str = "default/toystore", hits_addend: int = 0) -> bytes:
    entries = [[{"key": key, "value": value} for key, value in one.items()] for one in descriptors]
    request = REQUEST(
        domain=domain, hits_addend=hits_addend, descriptors=[{"entries": one} for one in entries]
    )
    return bytes(request.SerializeToString())


TOY = {"limit.create_toy__fb82c51a": "1"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def codes(service: RateLimitService, *requests: bytes) -> str:
    """For each request O (OK) or L (OVER_LIMIT)."""
    answers = [RESPONSE.FromString(service.decide(request)).overall_code for request in requests]
    return "".join({RESPONSE.OK: "O", RESPONSE.OVER_LIMIT: "L"}[answer] for answer in answers)


def headers(service: RateLimitService, request: bytes) -> dict[str, str]:
    answer = RESPONSE.FromString(service.decide(request))
    return {header.key: header.value for header in answer.response_headers_to_add}


# What Kuadrant writes for the toystore example, in all of its forms.
@pytest.mark.parametrize(
    "limit",
    [
        toystore(conditions=('limit.create_toy__fb82c51a == "1"',), name="default/toystore"),
        toystore(conditions=('limit.create_toy__fb82c51a == "1"',)),
        toystore(name="create-toy"),
    ],
)
def test_five_toys_are_created_in_ten_seconds(limit: Limit, clock: Clock) -> None:
    service = RateLimitService([limit], clock=clock)

    assert codes(service, *[encoded(TOY)] * 7) == "OOOOOLL"
    clock.now = 10.0
    assert codes(service, *[encoded(TOY)] * 7) == "OOOOOLL"


@pytest.mark.parametrize(
    "request_",
    [
        encoded({"a": "1"}, domain="other"),
        encoded({"limit.create_toy__fb82c51a": "2"}),
        encoded({}),
        encoded(),
    ],
)
def test_a_request_that_no_limit_applies_to_is_ok(request_: bytes) -> None:
    service = RateLimitService([toystore(0)], headers=True)

    assert codes(service, request_) == "O"
    assert headers(service, request_) == {}


@pytest.mark.parametrize("with_headers", [False, True])
def test_an_answer_names_the_limit_that_is_reached(with_headers: bool) -> None:
    """By the key that gateways ask for; their access logs and counters show it."""
    ample = toystore(100, seconds=60, conditions=('descriptors[0]["limit.all__01234567"] == "1"',))
    service = RateLimitService([ample, toystore(1, name="create-toy")], headers=with_headers)
    asked = encoded({"limit.all__01234567": "1", **TOY})

    admitted, refused = (RESPONSE.FromString(service.decide(asked)) for _ in range(2))
    assert not admitted.statuses
    assert refused.overall_code == RESPONSE.OVER_LIMIT
    (status,) = refused.statuses
    assert (status.code, status.current_limit.name) == (RESPONSE.OVER_LIMIT, "limit.create_toy__fb82c51a")
    assert (status.current_limit.requests_per_unit, status.current_limit.unit) == (
        1,
        RESPONSE.RateLimit.UNKNOWN,
    )
    named = {header.key for header in refused.response_headers_to_add}
    assert named >= {"retry-after"}
    assert ("x-ratelimit-limit" in named) is with_headers


def test_a_limit_that_is_no_policys_is_named_by_its_name() -> None:
    service = RateLimitService([toystore(0, seconds=60, conditions=(), name="a limit")])

    (status,) = RESPONSE.FromString(service.decide(encoded())).statuses
    assert (status.current_limit.name, status.current_limit.unit) == ("a limit", RESPONSE.RateLimit.MINUTE)


def test_a_limit_without_conditions_is_for_every_request_of_its_namespace() -> None:
    service = RateLimitService([toystore(1, conditions=())])

    assert codes(service, encoded(), encoded({"a": "1"}), encoded(domain="other")) == "OLO"


def test_a_limit_counts_once_however_often_it_is_found() -> None:
    service = RateLimitService([toystore(2, conditions=('toy == "1"',))])

    assert codes(service, *[encoded(*[{"toy": "1"}] * 3)] * 3) == "OOL"


def test_the_last_of_two_equal_keys_of_one_descriptor_counts() -> None:
    service = RateLimitService([toystore(0)])
    key = "limit.create_toy__fb82c51a"
    twice = REQUEST(
        domain="default/toystore",
        descriptors=[{"entries": [{"key": key, "value": "2"}, {"key": key, "value": "1"}]}],
    )

    assert codes(service, twice.SerializeToString()) == "L"


def test_hits_are_the_requests_addend_and_0_means_1() -> None:
    service = RateLimitService([toystore(5, conditions=('toy == "1"',))])

    asked = [encoded({"toy": "1"}, hits_addend=hits) for hits in (3, 3, 0, 1, 1)]
    assert codes(service, *asked) == "OLOOL"


def test_a_descriptors_own_addend_counts_for_the_limits_that_read_it() -> None:
    first = toystore(10, conditions=('descriptors[0]["a"] == "1"',))
    second = toystore(10, conditions=('descriptors[1]["b"] == "1"',))
    service = RateLimitService([first, second], headers=True)
    request = REQUEST.FromString(encoded({"a": "1"}, {"b": "1"}, hits_addend=2))
    request.descriptors[1].hits_addend.value = 7

    assert headers(service, request.SerializeToString())["x-ratelimit-remaining"] == "3"
    assert headers(service, encoded({"a": "1"}))["x-ratelimit-remaining"] == "7"


def test_an_addend_beyond_every_limit_is_over_it() -> None:
    service = RateLimitService([toystore(2**63, conditions=())])
    request = REQUEST.FromString(encoded({"a": "1"}))
    request.descriptors[0].hits_addend.value = 2**64 - 1

    assert codes(service, request.SerializeToString(), encoded({"a": "1"})) == "LO"


def test_of_limits_that_share_a_counter_the_least_denies_in_any_order() -> None:
    for limits in ([toystore(5), toystore(2)], [toystore(2), toystore(5)]):
        assert codes(RateLimitService(limits), *[encoded(TOY)] * 4) == "OOLL"


def test_variables_in_another_order_name_the_same_counter() -> None:
    variables = ('descriptors[0]["a"]', 'descriptors[0]["b"]')
    service = RateLimitService([toystore(1, conditions=(), variables=variables)])
    assert codes(service, encoded({"a": "1", "b": "2"})) == "O"

    service.replace([toystore(1, conditions=(), variables=variables[::-1])])

    assert codes(service, encoded({"a": "1", "b": "2"}), encoded({"a": "2", "b": "1"})) == "LO"


def test_replacing_keeps_counters_of_limits_that_stay_with_their_new_maximum(clock: Clock) -> None:
    service = RateLimitService([toystore(5)], clock=clock)
    assert codes(service, *[encoded(TOY)] * 3) == "OOO"

    service.replace([toystore(4, name="renamed")])

    assert codes(service, *[encoded(TOY)] * 2) == "OL"
    service.replace([])
    with pytest.raises(UnknownLimitError):
        service.decide(encoded(TOY))
    service.replace([toystore(4)])
    assert codes(service, *[encoded(TOY)] * 5) == "OOOOL"


def test_wrong_limits_are_all_named_and_change_nothing() -> None:
    service = RateLimitService([toystore(1)])
    wrong = [
        toystore(9),
        toystore(-1, name="negative"),
        toystore(1, conditions=("a = 1", CREATE_TOY), variables=("descriptors",), name="conditions"),
        Limit(namespace="", max_value=1, seconds=-1),
        toystore(1, seconds=2**60),
    ]

    with pytest.raises(InvalidLimitsError) as caught:
        service.replace(wrong)

    assert [error.split(": ")[:2] for error in caught.value.errors] == [
        ["limit 'negative' of 'default/toystore' (-1 in 10 s)", "max_value"],
        ["limit 'conditions' of 'default/toystore' (1 in 10 s)", "condition 'a = 1'"],
        ["limit 'conditions' of 'default/toystore' (1 in 10 s)", "variable 'descriptors'"],
        ["limit of '' (1 in -1 s)", "namespace"],
        ["limit of '' (1 in -1 s)", "seconds"],
        [f"limit of 'default/toystore' (1 in {2**60} s)", "seconds"],
    ]
    assert codes(service, encoded(TOY), encoded(TOY)) == "OL"


def test_headers_say_what_is_left_and_for_how_long(clock: Clock) -> None:
    service = RateLimitService(
        [toystore(5), toystore(100, seconds=60, name='a "day"\r\nü')], clock=clock, headers=True
    )
    service.decide(encoded(TOY))
    clock.now = 1.5

    assert headers(service, encoded(TOY)) == {
        "x-ratelimit-limit": "5, 5;w=10, 100;w=60;name=\"a 'day'???\"",
        "x-ratelimit-remaining": "3",
        "x-ratelimit-reset": "9",
    }


def test_headers_of_a_denied_request_are_those_of_the_limit_that_denied_it(clock: Clock) -> None:
    service = RateLimitService([toystore(100, seconds=60), toystore(1)], clock=clock, headers=True)
    service.decide(encoded(TOY))
    clock.now = 4.0

    assert codes(service, encoded(TOY)) == "L"
    assert headers(service, encoded(TOY)) == {
        "retry-after": "6",
        "x-ratelimit-limit": "1, 1;w=10, 100;w=60",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "6",
    }


def test_a_condition_that_fails_is_an_error_only_where_the_others_hold() -> None:
    number = 'int(descriptors[0]["n"]) > 3'
    service = RateLimitService([toystore(0, conditions=(number, CREATE_TOY), name="n")])

    assert codes(service, encoded({"n": "many"}), encoded(TOY | {"n": "3"})) == "OO"
    with pytest.raises(EvaluationError, match="limit 'n' of 'default/toystore'"):
        service.decide(encoded(TOY | {"n": "many"}))


def test_a_limit_among_thousands_is_found_by_its_rarest_equality() -> None:
    limits = [
        toystore(0, conditions=('descriptors[0]["method"] == "GET"', f'descriptors[0]["path"] == "/{n}"'))
        for n in range(5000)
    ]
    looked_at = []

    class Recording(tuple[Any, ...]):
        __slots__ = ()

        def __getitem__(self, position: Any) -> Any:
            looked_at.append(position)
            return super().__getitem__(position)

    service = RateLimitService(limits)
    namespace = service._namespaces["default/toystore"].limits
    namespace._groups = Recording(namespace._groups)  # type: ignore[assignment]

    assert codes(service, encoded({"method": "GET", "path": "/4321"}), encoded({"method": "GET"})) == "LO"
    assert looked_at == [4321]


def test_what_is_remembered_of_requests_has_a_bound_and_keeps_what_is_asked_again() -> None:
    service = RateLimitService([toystore(2, variables=('descriptors[0]["u"]',))])
    service._questions = questions = Questions(20_000)
    again = encoded(TOY | {"u": "again"})
    hits = 0

    for number in range(500):
        hits += questions.get(again) is not None
        codes(service, again, encoded(TOY | {"u": f"user {number}"}))
        assert len(questions) < 25
    assert hits == 499
    assert codes(service, encoded(TOY | {"u": "x" * 5000}), encoded(TOY | {"u": "user 499"})) == "OO"
    assert codes(service, *[encoded(TOY | {"u": "user 0"})] * 2) == "OL"
    service.replace([])
    assert len(questions) == 0


def test_nothing_stays_of_expressions_and_names_that_are_gone() -> None:
    service = RateLimitService()
    for edit in range(300):
        condition = f'descriptors[0]["a"] == "1" && size("{edit}") > 0'
        name = f"limit {edit}"
        service.replace(
            [toystore(0, conditions=(condition,), variables=(f'descriptors[0]["{edit}"] + "x"',), name=name)]
        )
        codes(service, encoded({"a": "1", str(edit): ""}))
    assert len(service._expressions) == 2
    assert service.metrics().decode().count("limited_calls{") == 2
    assert service._metrics.namespaces["default/toystore"].limited == {"": 299, "limit 299": 1}


def test_where_one_tenants_limits_change_nobody_elses_are_worked_out_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []

    class Watched(limit_index.NamespaceLimits):
        def __init__(self, limits: Any) -> None:
            made.append(limits[0][0].limit.namespace)
            super().__init__(limits)

    monkeypatch.setattr(limit_index, "NamespaceLimits", Watched)
    theirs = [toystore(namespace=f"t{number}/r") for number in range(3)]
    service = RateLimitService([*theirs, toystore(namespace="a/r")])
    made.clear()

    service.take([*theirs, toystore(namespace="a/r", max_value=2)])
    assert made == ["a/r"]
    assert codes(service, *[encoded(TOY, domain="a/r")] * 3) == "OOL"
    service.take([*theirs[1:], toystore(namespace="a/r", max_value=2)])
    service.take([*theirs, toystore(namespace="a/r", max_value=2)])
    assert made == ["a/r", "t0/r"]


def test_metrics_have_limitadors_names(clock: Clock) -> None:
    service = RateLimitService(
        [toystore(1, name="a"), Limit(namespace="m", max_value=5, seconds=1)], clock=clock, counter_bytes=7
    )
    codes(
        service,
        encoded(TOY),
        encoded(TOY),
        encoded(TOY),
        encoded(domain="m", hits_addend=3),
        encoded(domain="o"),
    )
    lines = service.metrics().decode().splitlines()

    assert {line for line in lines if "calls{" in line or "hits{" in line} == {
        'authorized_calls{limitador_namespace="default/toystore"} 1.0',
        'authorized_calls{limitador_namespace="m"} 1.0',
        'authorized_hits{limitador_namespace="default/toystore"} 1.0',
        'authorized_hits{limitador_namespace="m"} 3.0',
        'limited_calls{limit_name="a",limitador_namespace="default/toystore"} 2.0',
    }
    assert {
        "limitador_up 1.0",
        "kuadrant_ratelimit_unlimited_calls_total 1.0",
        "kuadrant_ratelimit_decision_seconds_count 5.0",
        "kuadrant_ratelimit_counters 0.0",
        "kuadrant_ratelimit_counter_bytes_bound 7.0",
    } <= set(lines)


def test_limited_calls_are_told_by_limit_name() -> None:
    service = RateLimitService([toystore(0, name='a "b"')])
    codes(service, encoded(TOY))

    assert (
        'limited_calls{limit_name="a \\"b\\"",limitador_namespace="default/toystore"} 1.0'
        in service.metrics().decode()
    )


def test_counts_go_on_when_limits_are_replaced_and_end_with_their_namespace() -> None:
    service = RateLimitService([toystore(5)])
    codes(service, encoded(TOY))
    service.replace([toystore(6)])
    codes(service, encoded(TOY))
    assert 'authorized_calls{limitador_namespace="default/toystore"} 2.0' in service.metrics().decode()

    service.replace([])
    assert "authorized_calls{" not in service.metrics().decode()


def test_metrics_can_be_served_over_http() -> None:
    server, thread = start_http_server(0, "127.0.0.1", registry=RateLimitService([toystore()]).registry)
    with server, urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
        assert b"limitador_up 1.0" in answer.read()
        server.shutdown()
    thread.join()


EVERY = RateLimitService(
    [
        toystore(0, conditions=()),
        toystore(5, variables=('descriptors[0]["a"]', "b", 'descriptors[1]["a"] + "x"')),
        toystore(5, conditions=('descriptors.exists(d, "a" in d && d["a"].matches("a+"))',)),
    ],
    headers=True,
)
TEXTS = st.text(max_size=5) | st.sampled_from(["a", "b", "limit.create_toy__fb82c51a", "1", "\0"])
MESSAGES = st.builds(
    lambda descriptors, addend, tail: encoded(*descriptors, hits_addend=addend) + tail,
    st.lists(st.dictionaries(TEXTS, TEXTS, max_size=4), max_size=3),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=8),
)


@pytest.mark.slow
@given(st.binary(max_size=60) | MESSAGES)
@example(b"")
@example(b"\x0a\x10default/toystore")
@settings(max_examples=2000, deadline=None)
def test_no_bytes_break_the_service_or_pass_a_limit_of_0(request: bytes) -> None:
    try:
        answer = RESPONSE.FromString(EVERY.decide(request))
    except (InvalidRequestError, EvaluationError, UnknownLimitError) as error:
        assert str(error)  # noqa: PT017 - a refusal is as right as an answer
        return
    asked = REQUEST.FromString(request)
    costs = [one.hits_addend.value if one.HasField("hits_addend") else 1 for one in asked.descriptors]
    denied = asked.domain == "default/toystore" and max(costs, default=1) > 0

    assert answer.overall_code == (RESPONSE.OVER_LIMIT if denied else RESPONSE.OK)


@given(st.binary(max_size=60))
def test_bytes_are_refused_exactly_when_they_are_no_message_or_have_no_domain(request: bytes) -> None:
    try:
        valid = bool(REQUEST.FromString(request).domain)
    except DecodeError:
        valid = False

    if valid:
        assert codes(RateLimitService(), request) == "O"
    else:
        with pytest.raises(InvalidRequestError):
            RateLimitService().decide(request)


def test_a_new_set_costs_what_is_other_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests wait meanwhile, and while policies are edited one set comes after the other."""
    limits = [
        replace(toystore(1), namespace=f"toys/{number}", conditions=(f'descriptors[0]["a"] == "{number}"',))
        for number in range(1100)
    ]
    service = RateLimitService(limits)
    former = dict(service._namespaces)
    judged: list[Limit] = []

    def noted(limit: Limit, expressions: Expressions) -> Judged:
        judged.append(limit)
        return judge(limit, expressions)

    monkeypatch.setattr(compiled_limits, "judge", noted)

    edited = replace(limits[500], max_value=2)
    service.take([*limits[:500], edited, *limits[501:]])

    assert judged == [edited]
    assert {name for name, one in service._namespaces.items() if one is not former[name]} == {"toys/500"}


SETS = st.lists(
    st.builds(
        Limit,
        namespace=st.sampled_from(["one", "two"]),
        max_value=st.integers(0, 1),
        seconds=st.just(10),
        conditions=st.sampled_from([(), ('a == "1"',), ('b == "1"',), ('a == "1"', 'b == "1"'), ("a ==",)]),
        variables=st.sampled_from([(), ("a",)]),
    ),
    max_size=4,
)


@given(st.lists(SETS, max_size=4), SETS)
def test_what_was_held_before_leaves_nothing_behind(former: list[list[Limit]], limits: list[Limit]) -> None:
    limits = [one for one in limits if one.conditions != ("a ==",)]
    service, other = RateLimitService(), RateLimitService(limits)
    for one in former:
        service.take(one)
    service.take(limits)

    for domain in ("one", "two"):
        for entries in ({"a": "1"}, {"b": "1"}, {"a": "1", "b": "1"}, {"a": "2"}):
            question = encoded(entries, domain=domain)
            assert codes(service, question, question) == codes(other, question, question)
