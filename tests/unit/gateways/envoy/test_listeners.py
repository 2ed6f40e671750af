"""Which listeners are served."""

from __future__ import annotations

from typing import Any

from kuadrant.compiler.program import GatewayProgram, ListenerProgram
from kuadrant.gateways.envoy import Address, Unserved, unserved
from kuadrant.gateways.envoy.access_log import RECORD
from kuadrant.gateways.envoy.listeners import listener


def test_a_listener_that_is_not_served_is_reported_with_the_reason() -> None:
    listeners = (
        ListenerProgram(("http",), 80, "HTTP", ()),
        ListenerProgram(("more",), 81, "HTTP", ()),
        ListenerProgram(("tls", "tls-2"), 443, "HTTPS", ()),
    )
    program = GatewayProgram("default", "gateway", listeners, ())
    addresses = {("default/gateway", port): Address("127.0.0.1", 8000 + port) for port in (80, 443)}
    assert unserved([program], addresses, {}) == (
        Unserved("default/gateway", ("more",), 81, "no address is set aside for port 81"),
        Unserved("default/gateway", ("tls", "tls-2"), 443, "it has no certificate"),
    )


def test_a_listener_writes_an_access_log_with_decisions_where_it_is_told_to() -> None:
    def manager(access_log: str | None) -> Any:
        found = listener("a", Address("127.0.0.1", 8000), (), access_log)
        return found["filter_chains"][0]["filters"][0]["typed_config"]

    assert "access_log" not in manager(None)
    (log,) = manager("/var/log/access")["access_log"]
    assert log["typed_config"]["path"] == "/var/log/access"
    assert log["typed_config"]["log_format"]["json_format"]["decision"] == RECORD
