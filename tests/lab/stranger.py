"""Somebody who is no gateway asks the rate limit service; tells of the codes as JSON.

Each is with how often it was answered.

Arguments: address, domain, key of a limit, hits of each call, how many calls.
"""

from __future__ import annotations

import json
import sys
from collections import Counter

import grpc  # type: ignore[import-untyped]

from kuadrant.envoy_api import message
from kuadrant.ratelimit.service import SERVICE


def answers(address: str, domain: str, key: str, hits: int, calls: int) -> dict[str, int]:
    """Return what so many calls are answered."""
    request = message("envoy.service.ratelimit.v3.RateLimitRequest")(
        domain=domain, descriptors=[{"entries": [{"key": key, "value": "1"}]}], hits_addend=hits
    )
    found: Counter[str] = Counter()
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(f"/{SERVICE}/ShouldRateLimit")
        for _ in range(calls):
            try:
                call(request.SerializeToString(), timeout=10)
                found["answered"] += 1
            except grpc.RpcError as error:
                found[error.code().name] += 1
    return dict(found)


if __name__ == "__main__":
    place, scope, name, cost, number = sys.argv[1:]
    sys.stdout.write(json.dumps(answers(place, scope, name, int(cost), int(number))))
