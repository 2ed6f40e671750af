"""The rate limit service as a shim is told of it."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

FailureMode = Literal["deny", "allow"]


class Service(Struct, frozen=True, gc=False, rename="camel"):
    """How the rate limit service is asked: by what, for how long, and what to do without an answer.

    It is one of an Envoy ``cluster`` and, where none can be had, a ``google_grpc`` target such as ``dns:///limitador:8081``, which
    costs Envoy more for each call.
    """

    cluster: str | UnsetType = UNSET
    google_grpc: str | UnsetType = UNSET
    timeout_ms: int = 1000
    failure_mode: FailureMode = "deny"
