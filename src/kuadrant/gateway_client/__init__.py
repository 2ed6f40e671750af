"""Asks a real gateway what tests ask a simulated one: the edge of ``kuadrant test --against``."""

from kuadrant.gateway_client.real_time_run import Against, GatewayAwayError, ask_gateway

__all__ = ["Against", "GatewayAwayError", "ask_gateway"]
