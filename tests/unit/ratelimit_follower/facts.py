"""What the tests of the follower take for given."""

from __future__ import annotations

from kuadrant.api.limitador import LimitadorPorts, LimitadorService

SERVICE = LimitadorService("here", LimitadorPorts(8081, 8080))


NOW = "2026-01-02T00:00:00Z"
