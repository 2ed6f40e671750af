"""How a call may end without an answer."""

from __future__ import annotations

# What Envoy 1.40 says (tests/e2e/wasm_shim/test_call_retries.py sees the most frequent of them).
RESET = "upstream connect error or disconnect/reset before headers. reset reason: "

NOT_SENT = [
    "no healthy upstream{no_healthy_upstream}",
    RESET + "remote connection failure{upstream_reset_before_response_started{remote_connection_failure}}",
    RESET + "connection timeout",
    RESET + "remote refused stream reset",
    RESET + "overflow",
]


PERHAPS_SENT = [
    "",
    RESET + "connection termination",
    RESET + "remote reset",
    "upstream request timeout{response_timeout}",
    "Stream removed (Socket closed)",
    "connection timeout",
]
