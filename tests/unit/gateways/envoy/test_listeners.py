"""Which listeners are served."""

from __future__ import annotations

from kuadrant.compiler.program import GatewayProgram, ListenerProgram
from kuadrant.gateways.envoy import Address, Unserved, unserved


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
