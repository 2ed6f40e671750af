"""The ``Limitador`` resource (``limitador.kuadrant.io/v1alpha1``): its limits are the contract of every rate limit service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct, field

from kuadrant.api.meta import ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Iterable

Identity = tuple[str, int, frozenset[str], frozenset[str]]
"""Namespace, seconds, conditions and variables of a limit."""


class Limit(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=False):
    """At most ``max_value`` requests in ``seconds``, counted apart for each value of ``variables``.

    It applies to requests of ``namespace`` (the domain of the rate limit request) for which every condition holds.
    Conditions and variables are CEL over ``descriptors``, for example ``descriptors[0]["limit.a__1"] == "1"``. Two limits that
    differ in nothing but ``max_value`` and ``name`` share their counters.
    """

    namespace: str
    max_value: int
    seconds: int
    conditions: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    name: str = ""

    @property
    def identity(self) -> Identity:
        """What makes its counters its own: all but ``max_value``, ``name`` and the order of conditions and variables."""
        return (self.namespace, self.seconds, frozenset(self.conditions), frozenset(self.variables))


def union(wanted: tuple[Limit, ...], kept: Iterable[Limit]) -> tuple[Limit, ...]:
    """Return ``wanted`` and those of ``kept`` that count something else: where both count the same, the wanted maximum holds."""
    have = {limit.identity for limit in wanted}
    return (*wanted, *(limit for limit in kept if limit.identity not in have))


class _StatusFields(Struct, frozen=True):
    conditions: dict[str, Any] | None = field(name="f:conditions", default=None)


class _Fields(Struct, frozen=True):
    status: _StatusFields = field(name="f:status", default=_StatusFields())


class ManagedFields(Struct, frozen=True, rename="camel"):
    """What one manager owns of an object, as far as it is about conditions."""

    manager: str = ""
    fields_v1: _Fields = field(name="fieldsV1", default=_Fields())


class LimitadorMetadata(ObjectMeta, frozen=True, gc=False, kw_only=True):
    """Metadata with the names of those who write the object."""

    managed_fields: tuple[ManagedFields, ...] = ()


class LimitadorSpec(Struct, frozen=True, rename="camel"):
    """What a rate limit service is asked to do. ``limits`` are as they are written: a wrong one does not hide the others.

    The rest is whatever somebody wrote, since no mistake in it may keep the limits from being read.
    """

    limits: Raw = Raw(b"[]")
    rate_limit_headers: Any = None
    storage: Any = None


class LimitadorPorts(Struct, frozen=True):
    """The ports of the service."""

    grpc: int = 0
    http: int = 0


class LimitadorService(Struct, frozen=True):
    """Where the service is reached, ``status.service``."""

    host: str = ""
    ports: LimitadorPorts = LimitadorPorts()


class LimitadorStatus(Struct, frozen=True, rename="camel"):
    """What a rate limit service says of the resource."""

    observed_generation: int = 0
    conditions: tuple[dict[str, Any], ...] = ()
    service: LimitadorService = LimitadorService()


class Limitador(Struct, frozen=True):
    """The resource as those who write its limits and those who hold them read it."""

    metadata: LimitadorMetadata
    spec: LimitadorSpec = LimitadorSpec()
    status: LimitadorStatus = LimitadorStatus()


def storage_secret(storage: Any) -> str | None:
    """The Secret with the address of a Redis that ``spec.storage`` asks for; None if it does not ask for one.

    ``redis-cached`` is the same store, which the limitador-operator's service asks less often than it counts.
    """
    if isinstance(storage, dict):
        for form in ("redis", "redis-cached"):
            try:
                name = storage[form]["configSecretRef"]["name"]
            except (KeyError, TypeError):
                continue
            if isinstance(name, str) and name:
                return name
    return None


def read_limits(raw: Raw) -> tuple[tuple[Limit, ...], tuple[str, ...]]:
    """Read ``spec.limits``: the limits that can be read, in their order, and a text for each that cannot."""
    limits: list[Limit] = []
    mistakes: list[str] = []
    try:
        items = msgspec.json.decode(raw, type=list[Raw] | None) or ()
    except msgspec.ValidationError:
        return (), ("limits: must be a list",)
    for index, item in enumerate(items):
        try:
            limits.append(msgspec.json.decode(item, type=Limit))
        except msgspec.ValidationError as error:
            mistakes.append(f"limits[{index}]: {error}")
    return tuple(limits), tuple(mistakes)
