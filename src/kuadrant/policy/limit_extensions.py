"""Reads what limits have besides Kuadrant's own fields, from a field or the annotation of their policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import fields as fields_of
from msgspec.structs import replace

from kuadrant.api.algorithm import FIXED_WINDOW, TOKEN_BUCKET
from kuadrant.api.limit_extensions import LimitExtensions
from kuadrant.api.limit_mode import ENFORCE, EVERYBODY, SOFT
from kuadrant.api.limit_scope import CLUSTER, GATEWAY
from kuadrant.policy.attributes import REMOTE_ADDRESS
from kuadrant.policy.condition import Cost
from kuadrant.policy.extension_annotation import mistake_at
from kuadrant.policy.model import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuadrant.api.policy_extensions import Extensions, ReadExtensions
    from kuadrant.policy.model import PolicyLimit

_SPELLED: Final = {field.name: field.encode_name for field in fields_of(LimitExtensions)}
"""The fields of a limit by the names that they have here."""


def with_extensions(
    limits: tuple[PolicyLimit, ...],
    fields: Mapping[str, LimitExtensions],
    said: ReadExtensions[Extensions],
    block: tuple[str, ...],
) -> tuple[tuple[PolicyLimit, ...], tuple[Mistake, ...]]:
    """Return the limits with what their fields or the annotation say, and what is wrong with it.

    Args:
        limits: the limits without extensions.
        fields: what the fields of each limit say, by its name.
        said: what the annotation says.
        block: the path of the limits' block in the document.
    """
    mistakes = [*_differing(said, fields)]
    result = []
    in_bucket: dict[str, str] = {}
    for limit in limits:
        both = _values(said.extensions.limits.get(limit.name)) | _values(fields[limit.name])
        extended = replace(limit, **_of_model(both)) if both else limit
        for field, message in _contradictions(extended, dict(both)):
            del both[field]
            extended = replace(limit, **_of_model(both))
            path = ("limits", limit.name, _SPELLED[field])
            if getattr(fields[limit.name], field) is None:
                mistakes.append(mistake_at(said, path, message))
            else:
                mistakes.append(Mistake((*block, *path), message, refuses=True))
        if (bucket := extended.bucket) is not None:
            other = in_bucket.setdefault(bucket, limit.name)
            if other != limit.name:
                message = f"is that of limit {other}, too; a policy has one of each: join their conditions"
                path = ("limits", limit.name, "bucket")
                mistakes.append(Mistake((*block, *path), message, refuses=True))
        result.append(extended)
    return tuple(result), tuple(mistakes)


def _contradictions(limit: PolicyLimit, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each field of those given that cannot be beside the others of its limit, and why."""
    if limit.burst is not None and limit.algorithm != TOKEN_BUCKET:
        yield "burst", f"is of a TokenBucket: add `algorithm: {TOKEN_BUCKET}`, or remove it"
    if limit.counted_by_gateways and limit.algorithm != FIXED_WINDOW:
        alone = f"is {GATEWAY}, and gateways count in fixed windows: remove `algorithm: {limit.algorithm}`"
        yield "scope", f"{alone}, or have the rate limit service count (`scope: {CLUSTER}`)"
    meant = ENFORCE if given.get("boundary") == "Hard" else SOFT
    if "boundary" in given and given.get("mode", meant) != meant:
        yield "boundary", f"is {given['boundary']}, which is not the mode {given['mode']}: leave one out"
    if "soft_signal" in given and limit.mode != SOFT:
        yield "soft_signal", f"is of a soft limit: add `mode: {SOFT}`, or remove it"
    if limit.counted_by_gateways and "fallback" in given:
        where = "is for limits that ask the rate limit service, and this one is counted by gateways"
        yield "fallback", f"{where}: remove it, or `scope: {GATEWAY}`"
    elif not limit.refuses and "fallback" in given:
        why = f"mode: {limit.mode}" if limit.mode != ENFORCE else "enforcePercent: 0"
        yield "fallback", f"is of a limit that refuses somebody: remove it, or `{why}`"
    if limit.mode != ENFORCE and "enforce_percent" in given:
        yield "enforce_percent", f"is of a limit that enforces: remove it, or `mode: {limit.mode}`"
    elif limit.enforce_percent not in (0, EVERYBODY) and not limit.counters:
        # The service is not told from which address a request comes, and a draw for each request would treat
        # one client now so and now otherwise.
        counters = f"add `counters`, such as {REMOTE_ADDRESS}, or choose 0 or {EVERYBODY}"
        yield "enforce_percent", f"is by the values of counters, and this limit has none: {counters}"


def _of_model(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of fields as the model has them."""
    found = dict(values)
    if "cost" in found:
        found["cost"] = Cost(found["cost"].strip())
    if found.pop("boundary", None) == "Soft":
        found.setdefault("mode", SOFT)
    if (signal := found.pop("soft_signal", None)) is not None:
        found["signal"] = tuple((header.name.lower(), header.value) for header in signal.headers)
    return found


def _values(extensions: LimitExtensions | None) -> dict[str, Any]:
    return {name: value for name in _SPELLED if (value := getattr(extensions, name, None)) is not None}


def _differing(said: ReadExtensions[Extensions], fields: Mapping[str, LimitExtensions]) -> Iterator[Mistake]:
    for name, extensions in said.extensions.limits.items():
        if name not in fields:
            message = f"is no limit of this policy, which has {', '.join(sorted(fields)) or 'none'}"
            yield mistake_at(said, ("limits", name), message)
            continue
        by_field = _values(fields[name])
        for field, value in _values(extensions).items():
            if by_field.get(field, value) != value:
                both = f"is {value}, but the field of the limit is {by_field[field]}"
                message = f"{'is not what the field is' if field == 'soft_signal' else both}: leave one out"
                yield mistake_at(said, ("limits", name, _SPELLED[field]), message)
