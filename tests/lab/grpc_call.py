"""Call a gateway by gRPC, inside the lab, as a client that calls again where nobody is there.

``python -m tests.lab.grpc_call TARGET AUTHORITY CASE`` prints what the client got, as JSON.
"""

from __future__ import annotations

import json
import sys

import grpc  # type: ignore[import-untyped]

POLICY = {
    "maxAttempts": 5,
    "initialBackoff": "0.01s",
    "maxBackoff": "0.1s",
    "backoffMultiplier": 1,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
CONFIG = json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": POLICY}]})


def main(target: str, authority: str, case: str) -> None:
    """Call once, and print it."""
    options = [("grpc.default_authority", authority), ("grpc.service_config", CONFIG)]
    with grpc.insecure_channel(target, options) as channel:
        try:
            say = channel.unary_unary("/toys.Toys/Say")
            call = say.with_call(b"hello", timeout=60, metadata=(("x-case", case),))[1]
        except grpc.RpcError as error:
            call = error
        told = {**dict(call.initial_metadata() or ()), **dict(call.trailing_metadata() or ())}
        seen = {"code": call.code().value[0], "details": call.details(), "metadata": told}
    sys.stdout.write(json.dumps({**seen, "metadata": {name: str(value) for name, value in told.items()}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
