"""Parts that fail: Envoy, the rate limit service, the user's folder, ports that are taken."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ports import free_ports

from .conftest import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e


def test_a_killed_envoy_is_started_again_and_limits_again(start: Callable[..., Kuadrant]) -> None:
    kuadrant = start(EXAMPLES / "toystore", "--echo")
    assert kuadrant.request("POST").status == 200
    (envoy,) = kuadrant.children()

    os.kill(envoy, signal.SIGKILL)
    kuadrant.wait(lambda: kuadrant.messages("starting it again"))

    kuadrant.wait_listening()
    # The counters are the service's: what was counted before the crash still counts.
    assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 4 + [429] * 2


def test_a_log_that_cannot_be_written_keeps_nothing_from_going_on(start: Callable[..., Kuadrant]) -> None:
    to_full_disk = f'exec {shlex.quote(sys.executable)} -m kuadrant "$@" 2>/dev/full'
    kuadrant = start(EXAMPLES / "toystore", "--echo", command=["bash", "-c", to_full_disk, "kuadrant"])
    (envoy,) = kuadrant.children()

    os.kill(envoy, signal.SIGKILL)
    while envoy in kuadrant.children():
        time.sleep(0.01)

    kuadrant.wait_listening()
    assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 5 + [429]


def test_a_port_that_another_program_took_meanwhile_is_opened_as_soon_as_it_is_free(
    start: Callable[..., Kuadrant],
) -> None:
    kuadrant = start(EXAMPLES / "toystore", "--echo")
    (envoy,) = kuadrant.children()

    os.kill(envoy, signal.SIGKILL)
    with hold(kuadrant.port):
        kuadrant.wait(lambda: kuadrant.messages("a port cannot be opened, it is tried again"))

    kuadrant.wait_listening()
    assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 5 + [429]


def hold(port: int) -> socket.socket:
    """Take a port as soon as it is free."""
    while True:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            time.sleep(0.001)


def answers(kuadrant: Kuadrant) -> bool:
    try:
        return kuadrant.request().status == 200
    except OSError:
        return False


@pytest.mark.parametrize("streams", [">/dev/full", ">&- 2>&-", "<&- >&- 2>&-", "> >(exec >&-)"])
def test_standard_streams_that_take_nothing_keep_nothing_from_running(
    start: Callable[..., Kuadrant], streams: str
) -> None:
    away = f'{shlex.quote(sys.executable)} -m kuadrant "$@" {streams} & trap "kill $!" TERM; wait $!; wait $!'
    kuadrant = start(EXAMPLES / "toystore", "--echo", command=["bash", "-c", away, "kuadrant"], ready=False)

    while not answers(kuadrant):  # the port is tried before it is opened
        assert kuadrant.process.poll() is None
        time.sleep(0.1)
    assert [kuadrant.request("POST").status for _ in range(6)] == [200] * 5 + [429]
    kuadrant.process.terminate()
    assert kuadrant.process.wait(30) == 0


@pytest.mark.parametrize(("mode", "status"), [("deny", 500), ("allow", 200)])
def test_an_unreachable_rate_limit_service_follows_the_failure_mode(
    start: Callable[..., Kuadrant], mode: str, status: int
) -> None:
    (closed,) = free_ports(1)
    kuadrant = start(
        EXAMPLES / "toystore", "--echo", "--failure-mode", mode, "--rate-limit-service", f"127.0.0.1:{closed}"
    )

    assert {kuadrant.request("POST").status for _ in range(10)} == {status}
    assert kuadrant.request("GET").status == 200


def test_a_mute_rate_limit_service_follows_the_failure_mode_after_the_timeout(
    start: Callable[..., Kuadrant],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        kuadrant = start(
            EXAMPLES / "toystore",
            "--echo",
            "--rate-limit-timeout",
            "300ms",
            "--rate-limit-service",
            f"127.0.0.1:{mute.getsockname()[1]}",
        )
        began = time.monotonic()
        assert kuadrant.request("POST").status == 500
        assert time.monotonic() - began >= 0.29


@pytest.mark.parametrize(
    ("example", "before", "counters"),
    [
        ("toystore", "      rates:", "counters: [request.headers.x-user]"),
        ("toystore-v1", "      rates:", """counters: [{expression: "request.headers['x-user']"}]"""),
    ],
)
def test_no_header_makes_a_client_unlimited(
    start: Callable[..., Kuadrant], tmp_path: Path, example: str, before: str, counters: str
) -> None:
    folder = Path(shutil.copytree(EXAMPLES / example, tmp_path / example))
    policy = folder / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text().replace(before, f"      {counters}\n{before}"))
    # What the service refuses would be let through.
    kuadrant = start(folder, "--echo", "--failure-mode", "allow")

    for headers in (
        {"x-user": "not UTF-8: \xff\xfe"},
        {"x-user": "a", "baggage": "b" * 50_000},
        {"x-user": "b", "traceparent": "t" * 9_000, "tracestate": "s" * 9_000},
    ):
        assert [kuadrant.request("POST", **headers).status for _ in range(6)] == [200] * 5 + [429], headers


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kuadrant", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_all_mistakes_of_a_folder_are_shown_at_the_start(toystore: Path) -> None:
    policy, route = toystore / "ratelimitpolicy.yaml", toystore / "httproute.yaml"
    policy.write_text(policy.read_text().replace("unit: second", "unit: week"))
    route.write_text(route.read_text().replace("method: POST", "method: PSOT"))

    result = run("run", str(toystore))

    assert result.returncode == 1
    assert "ratelimitpolicy.yaml:" in result.stderr
    assert "spec.limits.create-toy.rates[0].unit" in result.stderr
    assert "httproute.yaml:" in result.stderr
    assert "PSOT" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_taken_port_is_named(toystore: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        wasm, admin = free_ports(2)
        result = run(
            "run", str(toystore), "--port", str(port), "--wasm-port", str(wasm), "--admin-port", str(admin)
        )

    assert result.returncode == 1
    assert f"port {port}" in result.stderr
    assert "--port" in result.stderr


def test_one_port_for_two_things_is_named(toystore: Path) -> None:
    (port,) = free_ports(1)
    result = run(
        *("run", str(toystore), "--port", str(port), "--wasm-port", "0", "--admin-port", str(port), "--once")
    )

    assert result.returncode == 1
    assert f"port {port}" in result.stderr
    assert "--port" in result.stderr


def test_a_missing_folder_is_wrong_usage_too(tmp_path: Path) -> None:
    missing = run("run", str(tmp_path / "nowhere"))
    words = " ".join(
        missing.stderr.replace("\u2502", " ").split()
    )  # they are in a box of the terminal's width
    assert (missing.returncode, "does not exist" in words) == (2, True)
    assert run("run", str(tmp_path), "--port", "many").returncode == 2
    assert run("walk").returncode == 2
