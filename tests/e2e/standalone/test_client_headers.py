"""What clients are told of limits, by a real Envoy: each protocol, each outcome, each setting.

Each case has a counter of its own, by the header `x-case`: the first request is admitted, the second limited,
and one without the header is an error.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
import http_sf
import httpx2
import pytest

from .conftest import Kuadrant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

pytestmark = pytest.mark.e2e

FOLDER = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: x
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
ROUTE = """
---
apiVersion: gateway.networking.k8s.io/v1
kind: %(kind)s
metadata: {name: %(name)s}
spec:
  parentRefs: [{name: gw}]
  hostnames: [%(name)s.example]
  rules: [{name: all, backendRefs: [{name: %(backend)s, port: 80}]}]
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: %(name)s}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: %(kind)s, name: %(name)s}
%(response)s
  limits:
    one:
      rates: [{limit: 1, window: 1h}]
      counters: [{expression: "request.headers['x-case']"}]
"""
BACKEND = """
---
apiVersion: v1
kind: Service
metadata: {name: %(name)s}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %(name)s-1, labels: {kubernetes.io/service-name: %(name)s}}
addressType: IPv4
endpoints: [{addresses: [127.0.0.1]}]
ports: [{port: %(port)d}]
"""
PREFLIGHT = {"origin": "https://shop.example", "access-control-request-method": "POST"}
PAGE = "  response: {headers: Both}"
OWN = {
    "own": """
  response:
    overLimit:
      code: 503
      message: {value: Slow down}
      headers: {content-type: {value: application/json}, x-own: {value: "a, b"}}
      body: {value: '{"code": "RATE_LIMIT_EXCEEDED"}'}
""",
    "made": """
  response:
    overLimit:
      message: {expression: "'no, ' + request.headers['x-case']"}
      headers:
        content-type: {value: application/json}
        x-own: {selector: request.headers.x-case}
        x-absent: {expression: "request.headers['x-absent']"}
      body:
        expression: |
          '{"case": "' + request.headers['x-case'] + '", "method": "' + request.method + '"}'
""",
    "problem": """
  response: {overLimit: {body: {problem: true}}}
""",
}
SETTINGS = ("default", "None", "Draft03", "RateLimit", "Both")
PROTOCOLS = ("HTTP/1.1", "HTTP/2", "HEAD", "preflight", "redirect", "gRPC")
TOLD = ("retry-after", "grpc-retry-pushback-ms", "x-ratelimit-", "ratelimit")

Headers = list[tuple[str, str]]


class _Upstream(BaseHTTPRequestHandler):
    """Answers with the status and headers that it is asked for."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(int(self.headers.get("x-status", "200")))
        for name, value in json.loads(self.headers.get("x-send", "[]")):
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_OPTIONS = answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


class _Echo(grpc.GenericRpcHandler):  # type: ignore[misc]
    def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self._said)

    @staticmethod
    def _said(said: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = dict(context.invocation_metadata())
        context.send_initial_metadata(json.loads(metadata.get("x-send", "[]")))
        return said


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kuadrant]:
    folder = tmp_path_factory.mktemp("policies")
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), _Upstream)
    serving = threading.Thread(target=upstream.serve_forever, args=(0.02,))
    serving.start()
    calls = grpc.server(ThreadPoolExecutor(2), handlers=(_Echo(),))
    called = calls.add_insecure_port("127.0.0.1:0")
    calls.start()
    _write(folder, upstream.server_port, called)
    kuadrant = Kuadrant(folder)
    try:
        kuadrant.wait_ready()
        yield kuadrant
    finally:
        kuadrant.close()
        calls.stop(0).wait()
        upstream.shutdown()
        serving.join()
        upstream.server_close()


def _write(folder: Path, http_port: int, grpc_port: int) -> None:
    text = FOLDER
    for setting in SETTINGS:
        headers = "" if setting == "default" else f", headers: {setting}"
        response = f"  response: {{preflights: Count{headers}}}"
        for kind, backend in (("HTTPRoute", "http"), ("GRPCRoute", "grpc")):
            name = f"{backend}-{setting.lower()}"
            text += ROUTE % {"kind": kind, "name": name, "backend": backend, "response": response}
    text += ROUTE % {"kind": "HTTPRoute", "name": "http-page", "backend": "http", "response": PAGE}
    for name, said in OWN.items():
        for kind, backend in (("HTTPRoute", "http"), ("GRPCRoute", "grpc")):
            text += ROUTE % {"kind": kind, "name": f"{backend}-{name}", "backend": backend, "response": said}
    for name, port in (("http", http_port), ("grpc", grpc_port)):
        text += BACKEND % {"name": name, "port": port}
    (folder / "all.yaml").write_text(text)


class Seen:
    """What a client is told: the status, or that of gRPC, and the headers that tell of limits."""

    def __init__(self, status: int, headers: Sequence[tuple[str, str]], body: str) -> None:
        self.status = status
        self.body = body
        self.all_headers = [*headers]
        self.headers = sorted(one for one in headers if one[0].startswith(TOLD))
        names = [name for name, _ in self.headers]
        assert len(names) == len(set(names)), f"two of one kind: {self.headers}"


def ask(
    gateway: Kuadrant,
    protocol: str,
    case: str | None,
    send: Headers | None = None,
    *,
    setting: str = "default",
) -> Seen:
    """Sends one request of ``case``; the upstream answers it with the headers ``send``."""
    headers = {"x-send": json.dumps(send or [])} | ({} if case is None else {"x-case": case})
    if protocol == "gRPC":
        return _call(gateway, f"grpc-{setting.lower()}.example", headers)
    method = {"HEAD": "HEAD", "preflight": "OPTIONS"}.get(protocol, "GET")
    headers |= {"host": f"http-{setting.lower()}.example"} | (PREFLIGHT if protocol == "preflight" else {})
    headers |= {"x-status": "302"} if protocol == "redirect" else {}
    with httpx2.Client(http1=protocol != "HTTP/2", http2=protocol == "HTTP/2") as client:
        answer = client.request(method, f"http://127.0.0.1:{gateway.port}/", headers=headers)
    assert answer.http_version == ("HTTP/2" if protocol == "HTTP/2" else "HTTP/1.1")
    return Seen(answer.status_code, answer.headers.multi_items(), answer.text)


def _call(gateway: Kuadrant, authority: str, headers: dict[str, str], *options: tuple[str, Any]) -> Seen:
    all_options = [("grpc.default_authority", authority), *options]
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}", all_options) as channel:
        say = channel.unary_unary("/toys.Toys/Say")
        try:
            _, call = say.with_call(b"hello", timeout=20, metadata=tuple(headers.items()))
        except grpc.RpcError as error:
            call = error
        told = [*(call.initial_metadata() or ()), *(call.trailing_metadata() or ())]
        return Seen(call.code().value[0], [(name, str(value)) for name, value in told], call.details() or "")


ADMITTED = dict.fromkeys(PROTOCOLS, 200) | {"redirect": 302, "gRPC": 0}
LIMITED = dict.fromkeys(PROTOCOLS, 429) | {"gRPC": 8}
FAILED = dict.fromkeys(PROTOCOLS, 500) | {"gRPC": 2}


NAMES = {
    "default": (),
    "None": (),
    "Draft03": ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    "RateLimit": ("ratelimit", "ratelimit-policy"),
}
NAMES["Both"] = NAMES["Draft03"] + NAMES["RateLimit"]
AGAIN = {"retry-after", "grpc-retry-pushback-ms"}


def members(text: str) -> list[tuple[str, dict[str, int]]]:
    """A list of RFC 9651 whose members are texts, read by a parser of others."""
    read: Any = http_sf.parse(text.encode(), tltype="list")
    return [(str(name), dict(parameters)) for name, parameters in read]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_each_setting_sends_its_headers_and_no_others(gateway: Kuadrant, setting: str, protocol: str) -> None:
    case = f"{setting} {protocol}"
    outcomes = (ask(gateway, protocol, of, setting=setting) for of in (case, case, None))
    admitted, limited, failed = outcomes
    assert (admitted.status, limited.status, failed.status) == (
        ADMITTED[protocol],
        LIMITED[protocol],
        FAILED[protocol],
    )
    assert failed.headers == []
    for seen, again in ((admitted, False), (limited, True)):
        told = dict(seen.headers)
        assert told.keys() - AGAIN == set(NAMES[setting])
        assert ("retry-after" in told) is again
        if "ratelimit" in told:
            assert members(told["ratelimit-policy"]) == [("one", {"q": 1, "w": 3600})]
            ((name, left),) = members(told["ratelimit"])
            assert (name, left["r"]) == ("one", 0)
            assert 3590 <= left["t"] <= int(told.get("retry-after", "3600"))
        if "x-ratelimit-limit" in told:
            assert told["x-ratelimit-limit"] == '1, 1;w=3600;name="one"'
            assert told["x-ratelimit-remaining"] == "0"
            assert 3590 <= int(told["x-ratelimit-reset"]) <= 3600


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_limited_client_is_told_when_to_come_again_and_nobody_else_is(
    gateway: Kuadrant, protocol: str
) -> None:
    case = f"again {protocol}"
    admitted = ask(gateway, protocol, case)
    assert (admitted.status, admitted.headers) == (ADMITTED[protocol], [])

    limited = ask(gateway, protocol, case)
    told = dict(limited.headers)
    assert limited.status == LIMITED[protocol]
    assert 3590 <= int(told["retry-after"]) <= 3600
    if protocol == "gRPC":
        assert told["grpc-retry-pushback-ms"] == f"{told['retry-after']}000"
        assert limited.body == "Too Many Requests"
    else:
        assert told.keys() == {"retry-after"}
        assert limited.body == ("" if protocol == "HEAD" else "Too Many Requests\n")

    failed = ask(gateway, protocol, None)
    assert (failed.status, failed.headers) == (FAILED[protocol], [])


FAMILIES = {
    "Draft03": [("x-ratelimit-limit", "9"), ("x-ratelimit-remaining", "8"), ("x-ratelimit-reset", "7")],
    "RateLimit": [("ratelimit", '"theirs";r=8;t=7'), ("ratelimit-policy", '"theirs";q=9;w=10')],
    "Retry-After": [("retry-after", "7")],
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_the_upstream_tells_of_limits_is_left_alone_where_the_gateway_tells_nothing(
    gateway: Kuadrant, protocol: str, family: str
) -> None:
    theirs = FAMILIES[family]
    assert ask(gateway, protocol, f"{family} {protocol}", theirs).headers == theirs


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_the_upstream_tells_and_what_the_gateway_tells_are_one(
    gateway: Kuadrant, protocol: str, setting: str, family: str
) -> None:
    """The gateway has nothing left, which is tighter than what the upstream has."""
    theirs = FAMILIES[family]
    seen = ask(gateway, protocol, f"both {setting} {family} {protocol}", theirs, setting=setting)
    told = dict(seen.headers)
    assert told.keys() == {name for name, _ in theirs} | set(NAMES[setting])
    if "x-ratelimit-remaining" in told:
        left = "8" if "x-ratelimit-remaining" not in NAMES[setting] else "0"
        assert told["x-ratelimit-remaining"] == left
    if "ratelimit" in told:
        named = ["theirs"] * (family == "RateLimit") + ["one"] * ("ratelimit" in NAMES[setting])
        for field in ("ratelimit", "ratelimit-policy"):
            assert [name for name, _ in members(told[field])] == named
    if "retry-after" in told:
        assert told["retry-after"] == "7", "the upstream's own: it is no refusal of ours"


def test_a_client_of_grpc_with_a_retry_policy_does_not_call_again(gateway: Kuadrant) -> None:
    policy = {
        "maxAttempts": 5,
        "initialBackoff": "0.01s",
        "maxBackoff": "0.1s",
        "backoffMultiplier": 1,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    config = ("grpc.service_config", json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]}))
    assert _call(gateway, "grpc-default.example", {"x-case": "retry"}, config).status == 0
    before = gateway.calls()
    assert _call(gateway, "grpc-default.example", {"x-case": "retry"}, config).status == LIMITED["gRPC"]
    assert gateway.calls() == before + 1


def test_preflights_are_exempt_unless_they_are_to_count(gateway: Kuadrant) -> None:
    for _ in range(3):
        seen = ask(gateway, "preflight", "page", setting="page")
        assert (seen.status, seen.headers) == (200, [])
    assert ask(gateway, "preflight", None, setting="page").status == 200, "nothing of it is evaluated"
    assert ask(gateway, "HTTP/1.1", "page", setting="page").status == 200
    assert ask(gateway, "HTTP/1.1", "page", setting="page").status == 429


def test_a_browser_is_told_to_show_our_headers_to_a_page_of_another_origin(gateway: Kuadrant) -> None:
    headers = {
        "host": "http-page.example",
        "origin": "https://shop.example",
        "x-case": "shown",
        "x-send": json.dumps(
            [("access-control-allow-origin", "*"), ("access-control-expose-headers", "x-own")]
        ),
    }
    with httpx2.Client() as client:
        answer = client.get(f"http://127.0.0.1:{gateway.port}/", headers=headers)
    shown = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert shown == {"x-own", *NAMES["Both"]}


@pytest.mark.parametrize("protocol", [one for one in PROTOCOLS if one != "preflight"])
def test_a_policy_has_an_answer_of_its_own(gateway: Kuadrant, protocol: str) -> None:
    ask(gateway, protocol, f"own {protocol}", setting="own")
    seen = ask(gateway, protocol, f"own {protocol}", setting="own")
    assert dict(seen.all_headers)["x-own"] == "a, b"
    assert "retry-after" in dict(seen.headers)
    if protocol == "gRPC":
        assert (seen.status, seen.body) == (8, "Slow down")
    else:
        assert (seen.status, dict(seen.all_headers)["content-type"]) == (503, "application/json")
        assert seen.body == ("" if protocol == "HEAD" else '{"code": "RATE_LIMIT_EXCEEDED"}')


ODD = """a"b\\u0041', {"x": [1]} <i>"""


@pytest.mark.parametrize("protocol", [one for one in PROTOCOLS if one != "preflight"])
def test_an_answer_is_made_of_the_request_and_nothing_is_injected(gateway: Kuadrant, protocol: str) -> None:
    case = f"{ODD} {protocol}"
    ask(gateway, protocol, case, setting="made")
    seen = ask(gateway, protocol, case, setting="made")
    told = dict(seen.all_headers)
    assert told["x-own"] == case
    assert "x-absent" not in told
    if protocol == "gRPC":
        assert (seen.status, seen.body) == (8, f"no, {case}")
        return
    assert (seen.status, told["content-type"]) == (429, "application/json")
    method = "HEAD" if protocol == "HEAD" else "GET"
    assert protocol == "HEAD" or json.loads(seen.body) == {"case": case, "method": method}


def test_a_problem_names_the_limits_that_are_reached(gateway: Kuadrant) -> None:
    ask(gateway, "HTTP/2", "problem", setting="problem")
    seen = ask(gateway, "HTTP/2", "problem", setting="problem")
    assert dict(seen.all_headers)["content-type"] == "application/problem+json"
    assert [name for name, _ in seen.headers] == ["retry-after"]
    problem = json.loads(seen.body)
    assert (problem["status"], problem["violated-policies"]) == (429, ["one"])
    assert problem["type"].endswith("#quota-exceeded")
