"""What the README promises of the toystore example, on a real Envoy."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("example", ["toystore", "toystore-v1"])
def test_five_posts_in_ten_seconds_and_gets_without_limit(
    start: Callable[..., Kuadrant], example: str
) -> None:
    kuadrant = start(EXAMPLES / example, "--echo")

    assert [kuadrant.request("POST").status for _ in range(8)] == [200] * 5 + [429] * 3
    assert {kuadrant.request("GET").status for _ in range(20)} == {200}
    assert kuadrant.request("GET", host="other.example.com").status == 404
    assert kuadrant.request("POST", "/toys/1").status == 404
    assert kuadrant.calls() == 8


def test_a_window_ends_and_the_limit_begins_anew(start: Callable[..., Kuadrant], toystore: Path) -> None:
    policy = toystore / "ratelimitpolicy.yaml"
    policy.write_text(policy.read_text().replace("duration: 10", "duration: 1"))
    kuadrant = start(toystore, "--echo")

    first = time.monotonic()
    statuses = [kuadrant.request("POST").status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    while kuadrant.request("POST").status == 429:
        assert time.monotonic() < first + 10, "the window never ended"
    assert time.monotonic() - first > 0.99


def test_the_limited_answer_is_too_many_requests(start: Callable[..., Kuadrant]) -> None:
    kuadrant = start(EXAMPLES / "toystore", "--echo", "--rate-limit-headers")

    answers = [kuadrant.request("POST") for _ in range(6)]

    assert answers[0].headers["x-ratelimit-limit"] == '5, 5;w=10;name="create-toy"'
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    assert answers[5].status == 429
    assert answers[5].body == b"Too Many Requests\n"


def test_without_echo_a_service_without_endpoints_is_503(start: Callable[..., Kuadrant]) -> None:
    assert start(EXAMPLES / "toystore").request().status == 503


def test_the_module_is_served_with_the_digest_that_is_logged(start: Callable[..., Kuadrant]) -> None:
    kuadrant = start(EXAMPLES / "toystore", "--echo")

    (line,) = kuadrant.messages("wasm-shim")
    answer = kuadrant.get(kuadrant.wasm_port, "/kuadrant-wasm-shim")

    assert answer.status == 200
    assert hashlib.sha256(answer.body).hexdigest() == line["sha256"]
    assert line["sha256"] in answer.headers["etag"]
    assert (
        kuadrant.get(kuadrant.wasm_port, f"/kuadrant-wasm-shim?sha256={line['sha256']}").body == answer.body
    )


def test_the_module_server_can_be_turned_off(start: Callable[..., Kuadrant]) -> None:
    kuadrant = start(EXAMPLES / "toystore", "--echo", wasm_server=False)

    with pytest.raises(ConnectionRefusedError):
        kuadrant.get(kuadrant.wasm_port, "/kuadrant-wasm-shim")
    assert kuadrant.request().status == 200


def test_what_to_try_is_printed(start: Callable[..., Kuadrant]) -> None:
    kuadrant = start(EXAMPLES / "toystore", "--echo")

    text = "\n".join(kuadrant.output)
    assert f"http://127.0.0.1:{kuadrant.port}" in text
    assert f"curl -i -X POST -H 'Host: api.toystore.com' http://127.0.0.1:{kuadrant.port}/toys" in text
    assert "5 in 10 s (default/toystore)" in text
    assert "\x1b" not in text


def test_ctrl_c_ends_every_process_within_two_seconds(start: Callable[..., Kuadrant]) -> None:
    kuadrant = start(EXAMPLES / "toystore", "--echo")
    children = kuadrant.children()
    assert children
    idle = socket.create_connection(("127.0.0.1", kuadrant.port))

    seconds = kuadrant.interrupt()
    idle.close()

    assert kuadrant.process.returncode == 0
    assert seconds < 2
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []
    for port in (kuadrant.port, kuadrant.wasm_port, kuadrant.admin_port):
        socket.create_server(("127.0.0.1", port)).close()


def test_envoy_does_not_outlive_a_killed_run(start: Callable[..., Kuadrant]) -> None:
    kuadrant = start(EXAMPLES / "toystore", "--echo")
    watched = [os.pidfd_open(pid) for pid in kuadrant.children()]

    kuadrant.process.kill()
    kuadrant.process.wait()

    import select

    for descriptor in watched:
        assert select.select([descriptor], [], [], 10)[0], "Envoy is still running"
        os.close(descriptor)
