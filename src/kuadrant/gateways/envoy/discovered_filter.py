"""The shim as an HTTP filter's configuration that is discovered on its own (ECDS)."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

EXTENSION = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
_STRING = "type.googleapis.com/google.protobuf.StringValue"


def extension(name: str, module: bytes, configuration: bytes) -> dict[str, Any]:
    """Return the filter ``name``, with the module's own bytes and the shim's configuration as text."""
    return {
        "@type": EXTENSION,
        "name": name,
        "typed_config": {
            "@type": WASM,
            "config": {
                "name": "kuadrant",
                "vm_config": {
                    # Envoy takes a running machine of the same id for the same code.
                    "vm_id": hashlib.sha256(module).hexdigest(),
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"inline_bytes": base64.b64encode(module).decode()}},
                    "allow_precompiled": True,
                },
                "configuration": {"@type": _STRING, "value": configuration.decode()},
                # After a trap the machine is made anew; the other policies answer 503, or let everything
                # pass, for ever.
                "failure_policy": "FAIL_RELOAD",
                "reload_config": {"backoff": {"base_interval": "0.1s", "max_interval": "1s"}},
            },
        },
    }
