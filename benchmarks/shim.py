"""The shim in Envoy against no filter and against Envoy's own ``http.ratelimit`` filter.

Both ask the same rate limit service.

    .venv/bin/python benchmarks/shim.py [--rounds N] [--seconds S] [--connections C] [--before FILE]

Needs wrk and nghttpd (Debian: apt-get install wrk nghttp2-server). Envoy has one worker and core 0 for
itself; on core 1 are wrk and nghttpd, which is the upstream and, with a canned OK, the rate limit service.
Rounds of all cases alternate. CPU is the whole Envoy process's time on the core (/proc schedstat) per
request: the least of all rounds, as what disturbs only adds. p50 is wrk's with one connection: the median of
all rounds. With ``--before`` the module of that file is a case of its own, to compare with.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import envoy as envoy_package

from kuadrant.envoy_api import message
from kuadrant.ratelimit.denial_term import encoded_term

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ENVOY_CORE, OTHER_CORE = "0", "1"
LOOPBACK = "127.0.0.1"
MODULE = Path(__file__).parents[1] / "src" / "kuadrant" / "wasm" / "modules" / "kuadrant-wasm-shim.wasm"
TYPES = "type.googleapis.com/envoy.extensions"
CALL = "envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"
ANSWER = b"\0\0\0\0\2\x08\x01"  # a gRPC message: OK
REPORT = "kuadrant.decisions.v1.Decisions/Report"
WORD = "3 x-user"
"""What a rate limit service says while somebody follows decisions."""

Json = dict[str, Any]


def followed_answer() -> bytes:
    """OK, and that somebody follows."""
    response = message("envoy.service.ratelimit.v3.RateLimitResponse")
    told = response(overall_code="OK", dynamic_metadata={"kuadrant.follow": WORD}).SerializeToString()
    return framed(bytes(told))


def denying_answer() -> bytes:
    """OVER_LIMIT as our service says it: come again in seven seconds, and ask again in one."""
    response = message("envoy.service.ratelimit.v3.RateLimitResponse")
    status = {"code": "OVER_LIMIT", "current_limit": {"name": "limit.toys", "requests_per_unit": 5}}
    headers = [{"key": "retry-after", "value": "7"}]
    told = response(overall_code="OVER_LIMIT", statuses=[status], response_headers_to_add=headers)
    return framed(bytes(told.SerializeToString()) + encoded_term("999 400 0"))


def telling_answer() -> bytes:
    """OK with the headers that tell of limits, as our service says it to who asks for both kinds."""
    response = message("envoy.service.ratelimit.v3.RateLimitResponse")
    headers = [
        {"key": "x-ratelimit-limit", "value": '5, 5;w=10;name="toys"'},
        {"key": "x-ratelimit-remaining", "value": "3"},
        {"key": "x-ratelimit-reset", "value": "7"},
        {"key": "ratelimit-policy", "value": '"toys";q=5;w=10'},
        {"key": "ratelimit", "value": '"toys";r=3;t=7'},
    ]
    told = response(overall_code="OK", response_headers_to_add=headers)
    return framed(bytes(told.SerializeToString()))


def framed(body: bytes) -> bytes:
    """A gRPC message."""
    return b"\0" + len(body).to_bytes(4, "big") + body


def shim(
    hostname: str,
    rules: int = 1,
    *,
    limiter: str = "limiter",
    records: bool = False,
    remembers: bool = True,
    shadow: bool = False,
    headers: bool = False,
    here: bool = False,
    module: Path = MODULE,
) -> Json:
    """The filter with ``rules`` rules for one host, of which the last is for what wrk asks."""

    def rule(path: str) -> Json:
        limit: Json = {
            "when": [{"selector": "request.headers.x-user", "operator": "neq", "value": "admin"}],
            "entries": [
                {"key": "limit.toys", "value": "1"},
                {"key": "request.method", "selector": "request.method"},
            ],
        }
        if records:
            limit["record"] = {"policies": ["default/toystore"], "when": ["request.headers.x-user neq admin"]}
        if shadow:
            limit["shadow"] = True
        if here:
            limit["here"] = {"name": "toys", "rates": [{"limit": 2**40, "seconds": 3600}]}
        actions = [{"service": "here" if here else "limiter", "scope": "default/toystore", "limits": [limit]}]
        told = {"response": {"headers": "Both"}} if headers else {}
        match = {"method": "GET", "path": {"type": "prefix", "value": path}}
        return {"name": path, **match, "actions": actions, **told}

    asked: Json = {"cluster": limiter, "timeoutMs": 1000, "failureMode": "deny"}
    if not remembers:
        # Modules of before do not know it.
        asked["rememberDenials"] = False
    services = {"here": {"here": True, "failureMode": "deny"}} if here else {"limiter": asked}
    configuration: Json = {
        "version": 1,
        "services": services,
        "hosts": [
            {"hostname": hostname, "rules": [rule(f"/other{n}") for n in range(rules - 1)] + [rule("/toys")]}
        ],
    }
    if records:
        configuration["decisionRecords"] = True
    return module_with(configuration, module)


def module_with(configuration: Json, module: Path = MODULE) -> Json:
    """The filter with a configuration."""
    return {
        "@type": f"{TYPES}.filters.http.wasm.v3.Wasm",
        "config": {
            "name": "shim",
            "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(module)}}},
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": json.dumps(configuration),
            },
        },
    }


def native(limiter: str = "limiter") -> Json:
    """Envoy's own filter."""
    return {
        "@type": f"{TYPES}.filters.http.ratelimit.v3.RateLimit",
        "domain": "default/toystore",
        "timeout": "1s",
        "failure_mode_deny": True,
        "rate_limit_service": {
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": limiter}},
        },
    }


def local() -> Json:
    """Envoy's own filter that asks nobody."""
    enabled = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}, "runtime_key": "local"}
    return {
        "@type": f"{TYPES}.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "local",
        "token_bucket": {"max_tokens": 2**31, "tokens_per_fill": 2**31, "fill_interval": "3600s"},
        "filter_enabled": enabled,
        "filter_enforced": enabled,
    }


NO_FILTER, NATIVE_CALL, SHIM_MISS, SHIM_CALL = (
    "no filter",
    "native filter, call",
    "shim, other host",
    "shim, call",
)
SHIM_MISS_PATH, SHIM_CALL_MANY = "shim, other path", "shim, 5,000 rules, call"
SHIM_RECORDS, SHIM_FOLLOWED = "shim, call, records on", "shim, call, tap on"
SHIM_BEFORE = "shim of before, call"
SHIM_HEADERS, SHIM_SHADOW = "shim, call, headers", "shim, only in shadow"
SHIM_DENIED, NATIVE_DENIED = "shim, denial remembered", "native filter, denied"
SHIM_HERE, SHIM_HERE_HEADERS, NATIVE_LOCAL = "Gateway scope", "Gateway scope, headers", "native local filter"
SHIM_DENIED_CALL = "shim, denied by a call"
DENIED = {SHIM_DENIED, SHIM_DENIED_CALL, NATIVE_DENIED}
"""The cases in which each request is answered with 429."""
CASES: dict[str, Json | None] = {
    NO_FILTER: None,
    SHIM_MISS: shim("other.example.com"),
    SHIM_MISS_PATH: shim("*"),
    NATIVE_CALL: native(),
    SHIM_CALL: shim("*"),
    SHIM_RECORDS: shim("*", records=True),
    SHIM_FOLLOWED: shim("*", limiter="followed"),
    SHIM_HEADERS: shim("*", limiter="telling", headers=True),
    SHIM_SHADOW: shim("*", shadow=True),
    SHIM_CALL_MANY: shim("*", 5000),
    SHIM_HERE: shim("*", here=True),
    SHIM_HERE_HEADERS: shim("*", here=True, headers=True),
    NATIVE_LOCAL: local(),
    NATIVE_DENIED: native("denying"),
    SHIM_DENIED_CALL: shim("*", limiter="denying", remembers=False),
    SHIM_DENIED: shim("*", limiter="denying"),
}
PATHS = {SHIM_MISS_PATH: "/free"}


def listener(name: str, filter_configuration: Json | None) -> Json:
    """A listener of one case.

    Its route asks the native filter for the same descriptor that the shim sends.
    """
    actions = [
        {"generic_key": {"descriptor_key": "limit.toys", "descriptor_value": "1"}},
        {"request_headers": {"header_name": ":method", "descriptor_key": "request.method"}},
    ]
    route: Json = {"cluster": "upstream"}
    if name in {NATIVE_CALL, NATIVE_DENIED}:
        route["rate_limits"] = [{"actions": actions}]
    hosts = [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}]
    filters = (
        [] if filter_configuration is None else [{"name": "limit", "typed_config": filter_configuration}]
    )
    manager = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {"name": name, "virtual_hosts": hosts},
        "http_filters": [
            *filters,
            {"name": "router", "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"}},
        ],
    }
    return {
        "name": name,
        "address": {"socket_address": {"address": LOOPBACK, "port_value": 0}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def cluster(name: str, port: int) -> Json:
    endpoint = {"endpoint": {"address": {"socket_address": {"address": LOOPBACK, "port_value": port}}}}
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {"thresholds": [{"max_requests": 10_000, "max_pending_requests": 10_000}]},
        "typed_extension_protocol_options": {
            options: {
                "@type": f"type.googleapis.com/{options}",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }


@contextlib.contextmanager
def running(core: str, command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(["taskset", "-c", core, *command], stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def admin(port: int, path: str) -> str:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def ready(folder: Path, envoy: subprocess.Popen[bytes]) -> dict[str, int]:
    """Each listener's port, once Envoy is live."""
    end = time.monotonic() + 30
    while time.monotonic() < end and envoy.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            port = int((folder / "admin").read_text().rpartition(":")[2])
            if admin(port, "/ready").strip() == "LIVE":
                status = json.loads(admin(port, "/listeners?format=json"))["listener_statuses"]
                return {one["name"]: one["local_address"]["socket_address"]["port_value"] for one in status}
        time.sleep(0.05)
    sys.exit("Envoy did not come up:\n" + (folder / "envoy.log").read_text()[-2000:])


def load(
    port: int, path: str, connections: int, seconds: float, *, denied: bool = False
) -> tuple[float, float]:
    """Requests, and p50 in microseconds."""
    command = ["taskset", "-c", OTHER_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency"]
    text = subprocess.run(
        [*command, f"http://{LOOPBACK}:{port}{path}"], capture_output=True, text=True, check=True
    ).stdout
    (requests,) = re.findall(r"(\d+) requests in", text)
    others = re.findall(r"Non-2xx or 3xx responses: (\d+)", text)
    if others != ([requests] if denied else []) or "Socket errors" in text:
        sys.exit(f"not every request was answered with {429 if denied else 200}:\n{text}")
    ((number, unit),) = re.findall(r"50%\s+([\d.]+)(us|ms|s)", text)
    return float(requests), float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def cpu_us(process: subprocess.Popen[bytes]) -> float:
    """What all threads of the process have had of their core."""
    tasks = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1000


def write_answers(folder: Path, answers: Mapping[str, bytes]) -> None:
    """What a server has for each path."""
    for path, answer in answers.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(answer)


def measure(
    folder: Path, cases: Mapping[str, Json | None], rounds: int, seconds: int, connections: int
) -> dict[str, tuple[float, float]]:
    """CPU of Envoy for each request and p50, in microseconds, of each case."""
    answers = {
        "upstream": {"toys": b"toys\n", "free": b"toys\n"},
        "limiter": {CALL: ANSWER},
        "telling": {CALL: telling_answer()},
        "followed": {CALL: followed_answer(), REPORT: framed(WORD.encode())},
        "denying": {CALL: denying_answer()},
    }
    with contextlib.ExitStack() as open_for_now:
        servers = [open_for_now.enter_context(socket.create_server((LOOPBACK, 0))) for _ in answers]
        addresses = {name: one.getsockname()[1] for name, one in zip(answers, servers, strict=True)}
    bootstrap = {
        "admin": {"address": {"socket_address": {"address": LOOPBACK, "port_value": 0}}},
        "static_resources": {
            "listeners": [listener(name, case) for name, case in cases.items()],
            "clusters": [cluster(name, port) for name, port in addresses.items()],
        },
    }
    (folder / "envoy.json").write_text(json.dumps(bootstrap))
    binary = Path(envoy_package.__file__).parent / "_bin" / "envoy"
    command = [str(binary), "-c", str(folder / "envoy.json"), "--concurrency", "1", "--log-level", "error"]
    command += [
        "--admin-address-path",
        str(folder / "admin"),
        "--use-dynamic-base-id",
        "--disable-hot-restart",
    ]
    server = ["nghttpd", "--no-tls", "-a", LOOPBACK]
    with contextlib.ExitStack() as stack:
        for name, port in addresses.items():
            write_answers(folder / name, answers[name])
            grpc = [] if name == "upstream" else ["--trailer=grpc-status: 0"]
            one = [*server, *grpc, "-d", str(folder / name), str(port)]
            stack.enter_context(running(OTHER_CORE, one, folder / f"{name}.log"))
        envoy = stack.enter_context(running(ENVOY_CORE, command, folder / "envoy.log"))
        ports = ready(folder, envoy)
        cpu: dict[str, list[float]] = {name: [] for name in cases}
        p50: dict[str, list[float]] = {name: [] for name in cases}
        for name in cases:
            load(ports[name], PATHS.get(name, "/toys"), connections, 1, denied=name in DENIED)
        for _ in range(rounds):
            for name in cases:
                path = PATHS.get(name, "/toys")
                before = cpu_us(envoy)
                requests, _ = load(ports[name], path, connections, seconds, denied=name in DENIED)
                cpu[name].append((cpu_us(envoy) - before) / requests)
                p50[name].append(load(ports[name], path, 1, 1, denied=name in DENIED)[1])
    return {name: (min(cpu[name]), statistics.median(p50[name])) for name in cases}


def show(results: dict[str, tuple[float, float]]) -> None:
    print(
        f"{'':26}{'CPU us/request':>16}{'/ no filter':>13}{'/ native':>10}{'p50 us':>9}{'/ no filter':>13}{'/ native':>10}"  # noqa: E501 - a line of a table
    )
    for name, (cpu, p50) in results.items():
        ratios = [
            (value / results[base][index])
            for index, value in enumerate((cpu, p50))
            for base in (NO_FILTER, NATIVE_CALL)
        ]
        print(
            f"{name:26}{cpu:16.1f}{ratios[0]:13.2f}{ratios[1]:10.2f}{p50:9.0f}{ratios[2]:13.2f}{ratios[3]:10.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of load, per case and round")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--only", nargs="+", choices=CASES, default=[*CASES], metavar="CASE")
    parser.add_argument("--before", type=Path, help="another module, to compare with")
    options = parser.parse_args()
    before = {} if options.before is None else {SHIM_BEFORE: shim("*", module=options.before.absolute())}
    missing = [name for name in ("wrk", "nghttpd", "taskset") if shutil.which(name) is None]
    if missing:
        sys.exit(
            f"not installed: {', '.join(missing)} (Debian: apt-get install wrk nghttp2-server util-linux)"
        )
    if (os.cpu_count() or 1) < 2:
        sys.exit("two cores are needed: one for Envoy, one for everything else")
    with tempfile.TemporaryDirectory() as folder:
        chosen = {
            name: case for name, case in CASES.items() if name in {*options.only, NO_FILTER, NATIVE_CALL}
        }
        show(
            measure(Path(folder), {**chosen, **before}, options.rounds, options.seconds, options.connections)
        )


if __name__ == "__main__":
    main()
