"""Pods of gateways, as the API server has them."""

from __future__ import annotations

from typing import Any

import msgspec

from kuadrant.api.pod import Pod


def pod(name: str, address: str, namespace: str = "ns", **changes: Any) -> Pod:
    document = {
        "metadata": {"name": name, "namespace": namespace, "labels": {"gateway": "gw"}},
        "spec": {"containers": []},
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    for part, values in changes.items():
        document[part] |= values
    return msgspec.convert(document, Pod)
