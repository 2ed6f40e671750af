"""A limit in shadow that cannot be evaluated or counted: clients get what they get without it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc  # type: ignore[import-untyped]
import pytest

from kuadrant.api.limitador import Limit
from kuadrant.policy.identifiers import limit_condition, limit_identifier
from kuadrant.ratelimit import RateLimitService
from kuadrant.ratelimit.service import SERVICE

from .documents import GATEWAY, POLICY, ROUTE
from .told import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Answer, Kuadrant

pytestmark = pytest.mark.e2e

ALL = "    all: {rates: [{limit: 3, window: 1h}]}\n"
TRIED = "    tried: {mode: Shadow, rates: [{limit: 1, window: 1h}]}\n"
FAILS = """    tried:
      mode: Shadow
      rates: [{limit: 1, window: 1h}]
      when: [{predicate: "request.headers['x-user'] == 'a'"}]
    counted:
      mode: Shadow
      rates: [{limit: 1, window: 1h}]
      counters: [{expression: "request.headers['x-tenant']"}]
"""
# The names are in the echo, and equally long.
POLICIES = {
    "nothing": "",
    "watched": TRIED,
    "failing": FAILS,
    "limited": ALL,
    "besides": ALL + TRIED,
    "unequal": ALL + FAILS,
}
SAME = [("nothing", ("watched", "failing")), ("limited", ("besides", "unequal"))]
SERVED = ("limited", "besides", "unequal")


class Service:
    """A rate limit service that holds the limits which enforce, and no others."""

    def __init__(self) -> None:
        self.behaviour = "holds"
        self.asked = 0
        self._over = threading.Event()
        self._changed = threading.Condition()
        keys = {name: limit_identifier(f"default/{name}", "all") for name in SERVED}
        self._held = RateLimitService(
            Limit(
                namespace=f"default/{name}",
                max_value=3,
                seconds=3600,
                name="all",
                conditions=(limit_condition(key),),
            )
            for name, key in keys.items()
        )
        self._held.headers = True
        self._server = grpc.server(ThreadPoolExecutor(32))
        handler = grpc.unary_unary_rpc_method_handler(self._answer)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {"ShouldRateLimit": handler}),)
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _answer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        with self._changed:
            self.asked += 1
            self._changed.notify_all()
        if self.behaviour == "silent":
            self._over.wait(30)
        if self.behaviour == "fails":
            context.abort(grpc.StatusCode.UNAVAILABLE, "the store does not answer")
        try:
            return self._held.decide(request)
        except Exception as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise

    def wait_asked(self, number: int) -> None:
        """Wait until so many questions have come, and no more."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.asked >= number, 30)
        assert self.asked == number

    def close(self) -> None:
        self._over.set()
        self._server.stop(None).wait()


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


def test_clients_get_what_they_get_without_it(
    start: Callable[..., Kuadrant], tmp_path: Path, service: Service
) -> None:
    documents = GATEWAY
    for name, limits in POLICIES.items():
        documents += ROUTE % (name, name)
        if limits:
            documents += POLICY % ("v1", name, "HTTPRoute", name) + "  limits:\n" + limits
    (tmp_path / "all.yaml").write_text(documents)
    # Each request asks, so that each meets what the service does then.
    service_at = ("--rate-limit-service", f"127.0.0.1:{service.port}", "--no-remember-denials")
    kuadrant = start(tmp_path, "--echo", *service_at)

    def answers(name: str) -> list[tuple[object, ...]]:
        found: list[Answer] = [kuadrant.request("GET", "/", f"{name}.example.com") for _ in range(5)]
        return [told(answer, name) for answer in found]

    for behaviour, statuses in [
        ("holds", [200, 200, 200, 429, 429]),
        ("fails", [500] * 5),
        ("silent", [500] * 5),
        ("holds", [429] * 5),
    ]:
        service.behaviour = behaviour
        for plain, others in SAME:
            expected = answers(plain)
            assert [one[0] for one in expected] == ([200] * 5 if plain == "nothing" else statuses)
            for other in others:
                before = service.asked
                assert answers(other) == expected, (behaviour, other)
                if other == "watched":
                    service.wait_asked(before + 5)
