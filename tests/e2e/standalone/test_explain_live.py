"""`kuadrant explain --live` asks a real gateway; who has no key learns nothing, and forges nothing."""

from __future__ import annotations

import base64
import json
import re
import stat
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kuadrant.explain_key import public_text
from kuadrant.gateway_client.live_decision import ASKED, TOLD, signature
from kuadrant.standalone.counter_socket import socket_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Kuadrant

pytestmark = pytest.mark.e2e

HOST = "api.toystore.com"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def written(folder: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    path = folder / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def explain(kuadrant: Kuadrant, key: Path | None, *words: str) -> subprocess.CompletedProcess[str]:
    url = f"http://127.0.0.1:{kuadrant.port}/toys?a=1"
    shown = [] if key is None else ["--key", str(key)]
    command = ["explain", "--live", *shown, "-H", f"Host: {HOST}", *words, url]
    return subprocess.run(
        [sys.executable, "-m", "kuadrant", *command], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def kuadrant(start: Callable[..., Kuadrant], toystore: Path) -> Kuadrant:
    return start(toystore, "--echo", "--explain-key", public_text(KEY))


def told(kuadrant: Kuadrant, shown: str, path: str = "/toys", method: str = "POST") -> dict[str, Any] | None:
    """The decision in a response to a request with this header."""
    answer = kuadrant.request(method, path, HOST, **{ASKED: shown})
    text = answer.headers.get(TOLD)
    return None if text is None else dict(json.loads(base64.b64decode(text)))


def test_who_has_the_key_is_told_what_was_decided(kuadrant: Kuadrant, toystore: Path, tmp_path: Path) -> None:
    key = written(tmp_path, KEY)
    policy = toystore / "ratelimitpolicy.yaml"
    kuadrant.change(policy.name, policy.read_text().replace("duration: 10", "duration: 600"))
    first = json.loads(explain(kuadrant, key, "-X", "POST", "-o", "json").stdout)
    assert [kuadrant.request("POST").status for _ in range(4)] == [200] * 4
    last = json.loads(explain(kuadrant, key, "-X", "POST", "-o", "json").stdout)
    assert [(one["status"], one["decision"]["verdict"]) for one in (first, last)] == [
        (200, "allowed"),
        (429, "limited"),
    ]
    assert last["decision"]["policies"] == ["default/toystore"]
    free = explain(kuadrant, key)
    assert (free.returncode, free.stdout.splitlines()[0]) == (0, "200")


def test_people_read_what_was_asked_and_what_the_gateway_refuses_by_itself(
    kuadrant: Kuadrant, tmp_path: Path
) -> None:
    key = written(tmp_path, KEY)
    allowed = explain(kuadrant, key, "-X", "POST")
    assert re.fullmatch(rf"200\n[0-9:]{{8}} allowed POST {HOST}/toys\n", allowed.stdout), allowed
    ago = seconds_of_the_day() - seconds_of_the_day(allowed.stdout.split()[1])
    assert ago % 86_400 < 60  # also where a day ends between
    refused = explain(kuadrant, key, "-X", "post")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "400; the gateway answers so by itself: it takes no method post; write POST" in refused.stderr


def seconds_of_the_day(text: str = "") -> int:
    """A time such as 12:00:01, or the present one."""
    hours, minutes, seconds = map(int, (text or time.strftime("%H:%M:%S")).split(":"))
    return hours * 3600 + minutes * 60 + seconds


@pytest.fixture
def no_other_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A user without any other ``kuadrant run``, of which the key could be taken."""
    with tempfile.TemporaryDirectory(prefix="run") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield


@pytest.mark.usefixtures("no_other_run")
def test_the_user_of_kuadrant_run_needs_no_key(start: Callable[..., Kuadrant], toystore: Path) -> None:
    kuadrant = start(toystore, "--echo")
    file = socket_path(kuadrant.port).with_suffix(".key")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    asked = explain(kuadrant, None, "-X", "POST", "-o", "json")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert json.loads(asked.stdout)["decision"]["verdict"] == "allowed"
    stranger = signature(KEY, HOST, "/toys", time.time())
    assert told(kuadrant, stranger) is None
    kuadrant.process.terminate()
    kuadrant.process.wait(timeout=30)
    assert not file.exists()
    without = explain(kuadrant, None)
    assert without.returncode == 2
    assert "no kuadrant run of yours serves that port" in " ".join(without.stderr.split())


def test_nobody_else_is_told_anything(kuadrant: Kuadrant, tmp_path: Path) -> None:
    now = time.time()
    good = signature(KEY, HOST, "/toys", now)
    until, _, signed = good.partition(".")
    assert told(kuadrant, good) is not None
    for shown in (
        signature(OTHER, HOST, "/toys", now),
        signature(KEY, HOST, "/other", now),
        signature(KEY, "other.com", "/toys", now),
        signature(KEY, HOST, "/toys", now - 60),
        signature(KEY, HOST, "/toys", now + 600),
        f"{int(until) + 1}.{signed}",
        f"{until}.{signed[:-4]}",
        f"{until}.",
        f"{until}.{'A' * 500}",
        "nonsense",
        "",
        ".",
    ):
        assert told(kuadrant, shown) is None, shown
    end = explain(kuadrant, written(tmp_path, OTHER))
    assert (end.returncode, "does not say what it decided" in end.stderr) == (2, True)


def test_the_header_of_a_request_goes_no_further_whoever_sent_it(kuadrant: Kuadrant) -> None:
    for shown in (signature(KEY, HOST, "/toys", time.time()), "nonsense"):
        answer = kuadrant.request("GET", "/toys", HOST, **{ASKED: shown})
        assert ASKED not in answer.body.decode().lower()


def test_without_a_key_of_the_gateway_nobody_is_told(start: Callable[..., Kuadrant], toystore: Path) -> None:
    kuadrant = start(toystore, "--echo")
    assert told(kuadrant, signature(KEY, HOST, "/toys", time.time())) is None


def test_strangers_cannot_have_a_worker_look_at_signatures_without_end(kuadrant: Kuadrant) -> None:
    forged = signature(OTHER, HOST, "/toys", time.time())
    for _ in range(300):
        assert told(kuadrant, forged, method="GET") is None
    deadline = time.monotonic() + 10
    while told(kuadrant, signature(KEY, HOST, "/toys", time.time()), method="GET") is None:
        assert time.monotonic() < deadline
