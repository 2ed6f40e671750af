"""The rate limit service as a shim is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode
from kuadrant.policy.service_timeout import DEFAULT_MILLISECONDS


class Service(Struct, frozen=True, gc=False, rename="camel"):
    """The way to ask the rate limit service: by what, for how long, and what to do without an answer.

    It is one of an Envoy ``cluster`` and, where none can be had, a ``google_grpc`` target such as
    ``dns:///limitador:8081``, which costs Envoy more for each call. ``metadata`` goes along with every call,
    for dialects that ``prove``. With ``decision_records`` gateways know the names of policies and routes
    for those who follow decisions; where they are ``left``, access logs can have each of them.
    ``explain_key`` (base64 of a public key's DER) is of those who may ask gateways what is decided for their
    request. Both take a dialect that has records, as does ``remember_denials``: False where each request
    is asked for whose like was denied a moment ago.
    """

    cluster: str | UnsetType = UNSET
    google_grpc: str | UnsetType = UNSET
    timeout_ms: int = DEFAULT_MILLISECONDS
    failure_mode: FailureMode = DEFAULT_FAILURE_MODE
    metadata: Mapping[str, str] | UnsetType = UNSET
    explain_key: str | UnsetType = UNSET
    decision_records: Literal["named", "left"] | UnsetType = UNSET
    remember_denials: Literal[False] | UnsetType = UNSET

    def __repr__(self) -> str:
        """Without the metadata, which may be a secret."""
        return f"Service({self.cluster or self.google_grpc}, {self.timeout_ms} ms, {self.failure_mode})"
