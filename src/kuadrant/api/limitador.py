"""The ``Limitador`` resource (``limitador.kuadrant.io/v1alpha1``), the contract of a rate limit service."""

from __future__ import annotations

import re
import zlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from kuadrant.api.algorithm import FIXED_WINDOW, TOKEN_BUCKET, Algorithm
from kuadrant.api.counter_identity import Identity, counter_identity
from kuadrant.api.limit_keys import keys_in
from kuadrant.api.limit_mode import ENFORCE, EVERYBODY, Mode
from kuadrant.api.meta import ObjectMeta

if TYPE_CHECKING:
    from collections.abc import Iterable


class Limit(Struct, frozen=True, dict=True, kw_only=True, omit_defaults=False):
    """At most ``max_value`` requests in ``seconds``, counted apart for each value of ``variables``.

    It applies to requests of ``namespace`` (the domain of the rate limit request) for which every condition
    holds. Conditions and variables are CEL over ``descriptors``, for example ``descriptors[0]["limit.a__1"]
    == "1"``; conditions also over ``limit.name`` and ``limit.id``. Two limits that differ in nothing but
    ``max_value``, ``burst``, ``mode``, ``enforce_percent``, ``by_cost``, ``name`` and ``id`` share their
    counters.

    A limit of Limitador's has no ``algorithm``, ``burst``, ``mode``, ``enforce_percent`` and ``by_cost``: it
    counts in fixed windows, refuses what has no room, and is not told what a request costs.
    """

    namespace: str
    max_value: int
    seconds: int
    conditions: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    name: str = ""
    id: str | UnsetType | None = UNSET
    algorithm: Algorithm | UnsetType = UNSET
    burst: int | UnsetType = UNSET
    mode: Mode | UnsetType = UNSET
    enforce_percent: int | UnsetType = UNSET
    by_cost: bool | UnsetType = UNSET

    @property
    def counts_by(self) -> Algorithm:
        """Return its algorithm."""
        return self.algorithm or FIXED_WINDOW

    @property
    def refuses_nobody_by_mode(self) -> bool:
        """Tell whether it refuses nobody, whatever its percentage."""
        return self.mode is not UNSET and self.mode != ENFORCE

    @property
    def percent(self) -> int:
        """For how many of a hundred values it refuses what has no room."""
        if self.refuses_nobody_by_mode:
            return 0
        return EVERYBODY if self.enforce_percent is UNSET else self.enforce_percent

    @property
    def has_mode(self) -> bool:
        """Tell whether it does something else than to refuse all that has no room."""
        return self.percent != EVERYBODY

    @property
    def is_of_limitador(self) -> bool:
        """Tell whether Limitador has such limits too."""
        return self.counts_by == FIXED_WINDOW and not self.has_mode and not self.by_cost

    @property
    def most(self) -> int:
        """The most hits that its counter holds at once: the burst of a bucket."""
        if self.algorithm != TOKEN_BUCKET or self.burst is UNSET or self.max_value <= 0:
            return self.max_value
        return self.burst

    @property
    def seconds_of_most(self) -> int:
        """In how many seconds as many may come again, rounded up."""
        return self.seconds if self.most == self.max_value else -(-self.most * self.seconds // self.max_value)

    @property
    def extensions_shown(self) -> str:
        """Return its fields besides Limitador's, to be added to its rate; nothing without."""
        shown: list[str] = [] if self.counts_by == FIXED_WINDOW else [self.counts_by]
        if self.counts_by == TOKEN_BUCKET:
            shown.append(f"burst {self.most}")
        if self.by_cost:
            shown.append("by cost")
        if self.has_mode:
            shown.append(str(self.mode) if self.refuses_nobody_by_mode else f"{ENFORCE} {self.percent} %")
        return f" ({', '.join(shown)})" if shown else ""

    @cached_property
    def identity(self) -> Identity:
        """The fields that make its counters its own, in any order of conditions and variables."""
        return counter_identity(self.namespace, self.seconds, self.conditions, self.variables, self.counts_by)

    @cached_property
    def checksum(self) -> int:
        """A number that depends on namespace and conditions alone, the same in every process."""
        return zlib.crc32("\0".join((self.namespace, *self.conditions)).encode())

    @cached_property
    def size(self) -> int:
        """The bytes that it takes as JSON."""
        return len(msgspec.json.encode(self))


def union(wanted: tuple[Limit, ...], kept: Iterable[Limit]) -> tuple[Limit, ...]:
    """Return ``wanted`` and those of ``kept`` that count something else; else the wanted maximum holds."""
    have = {limit.identity for limit in wanted}
    return (*wanted, *(limit for limit in kept if limit.identity not in have))


class _StatusFields(Struct, frozen=True):
    conditions: dict[str, Any] | None = field(name="f:conditions", default=None)


class _Fields(Struct, frozen=True):
    status: _StatusFields = field(name="f:status", default=_StatusFields())


class ManagedFields(Struct, frozen=True, rename="camel"):
    """The fields of an object that one manager owns, as far as they are about conditions."""

    manager: str = ""
    fields_v1: _Fields = field(name="fieldsV1", default=_Fields())


class LimitadorMetadata(ObjectMeta, frozen=True, gc=False, kw_only=True):
    """Metadata with the names of those who write the object."""

    managed_fields: tuple[ManagedFields, ...] = ()


class LimitadorSpec(Struct, frozen=True, rename="camel"):
    """Tells a rate limit service what to do. ``limits`` are as written: a wrong one does not hide the others.

    ``packed_limits`` are more of them (``limit_packing``). The rest is whatever somebody wrote, since no
    mistake in it may keep the limits from being read; of what is ``not_read`` it only matters whether
    it is there.
    """

    limits: Raw = Raw(b"[]")
    packed_limits: tuple[str, ...] = ()
    rate_limit_headers: Any = None
    storage: Any = None
    affinity: Any = None
    image: Any = None
    image_pull_secrets: Any = None
    listener: Any = None
    metric_labels_default: Any = None
    pdb: Any = None
    replicas: Any = None
    resource_requirements: Any = None
    telemetry: Any = None
    tracing: Any = None
    verbosity: Any = None
    version: Any = None

    @property
    def not_read(self) -> tuple[str, ...]:
        """The fields that are there and that only the limitador-operator does something with."""
        return tuple(name for field, name in _NOT_READ.items() if getattr(self, field) is not None)


_OF_SERVICE: Final = ("limits", "packed_limits", "rate_limit_headers", "storage")
_OF_PODS: Final = ("affinity", "pdb", "replicas", "resource_requirements")
"""What our operator brings the service's pods to, and tells of."""
_NOT_READ: Final = {
    field.name: field.encode_name
    for field in msgspec.structs.fields(LimitadorSpec)
    if field.name not in {*_OF_SERVICE, *_OF_PODS}
}


class LimitadorPorts(Struct, frozen=True):
    """The ports of the service."""

    grpc: int = 0
    http: int = 0


class LimitadorService(Struct, frozen=True):
    """The address of the service, ``status.service``."""

    host: str = ""
    ports: LimitadorPorts = LimitadorPorts()


class NotHeld(Struct, frozen=True, omit_defaults=True):
    """A limit that gets errors, by its namespace and the key that it is asked for by.

    ``reason`` is why the service left it out; empty where it was only asked for.
    """

    namespace: str = ""
    key: str = ""
    reason: str = ""


class LimitadorStatus(Struct, frozen=True, rename="camel"):
    """The service's word on the resource; it ``reads`` these fields of the spec that not all know.

    ``left_out`` are limits of the resource, ``asked_in_vain`` are those of lately; None where the service or
    the definition of the kind has no such field.
    """

    observed_generation: int = 0
    reads: tuple[str, ...] = ()
    conditions: tuple[dict[str, Any], ...] = ()
    left_out: tuple[NotHeld, ...] | None = None
    asked_in_vain: tuple[NotHeld, ...] | None = None
    service: LimitadorService = LimitadorService()


class Limitador(Struct, frozen=True):
    """The resource as those who write its limits and those who hold them read it."""

    metadata: LimitadorMetadata
    spec: LimitadorSpec = LimitadorSpec()
    status: LimitadorStatus = LimitadorStatus()


TRACES: Final = "tracing"
"""What a service says that it reads of its resource where it can tell a collector of what it decides."""

STORES: Final = "/etc/kuadrant/stores"
"""Where a service has the Secret of its store whose own rights do not cover it: in a folder of its name."""

_SECRET_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


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


def is_secret_name(name: str) -> bool:
    """Tell whether a Secret can have that name, a DNS subdomain name; any other could lead elsewhere."""
    return _SECRET_NAME.fullmatch(name) is not None


class LeftOut(NamedTuple):
    """A limit that cannot be held.

    Attributes:
        name: What a person knows it by.
        reasons: Why it cannot be held.
        namespace: Its namespace.
        keys: The keys by which it would be asked for.
    """

    name: str
    reasons: tuple[str, ...]
    namespace: str
    keys: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name}: {'; '.join(self.reasons)}"


class ReadLimits(NamedTuple):
    """The limits of ``spec.limits``, those that cannot be read, and why it is no list at all, or None."""

    limits: tuple[Limit, ...]
    left_out: tuple[LeftOut, ...] = ()
    problem: str | None = None


def read_limits(raw: Raw) -> ReadLimits:
    """Read ``spec.limits``: a limit that cannot be read does not hide the others."""
    limits: list[Limit] = []
    left_out: list[LeftOut] = []
    try:
        items = msgspec.json.decode(raw, type=list[Raw] | None) or ()
    except msgspec.MsgspecError:
        return ReadLimits((), (), "limits: must be a list")
    for index, item in enumerate(items):
        try:
            limits.append(msgspec.json.decode(item, type=Limit))
        except msgspec.MsgspecError as error:
            left_out.append(_unreadable(index, item, str(error)))
    return ReadLimits(tuple(limits), tuple(left_out))


def _unreadable(index: int, item: Raw, reason: str) -> LeftOut:
    """Return a limit of which only the namespace and the keys can be read, for when they are asked for."""
    try:
        whole = msgspec.json.decode(item)
    except msgspec.MsgspecError:
        whole = None
    fields = whole if isinstance(whole, dict) else {}
    namespace, conditions = fields.get("namespace"), fields.get("conditions")
    texts = conditions if isinstance(conditions, list) else [conditions]
    return LeftOut(
        f"limits[{index}]",
        (reason,),
        namespace if isinstance(namespace, str) else "",
        keys_in(text for text in texts if isinstance(text, str)),
    )
