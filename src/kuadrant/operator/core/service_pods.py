"""Decides what the pods of our rate limit service are to be, by what its Limitador says of them.

The Deployment and the PodDisruptionBudget come with the installation. A field that the Limitador sets takes
the place of what is there, which is kept in an annotation, and is back when nobody sets the field any more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from kuadrant.api.limit_packing import FIELD as PACKED
from kuadrant.api.limitador import STORES, TRACES, is_secret_name, storage_secret
from kuadrant.api.quantity import quantity
from kuadrant.operator.core.installation import is_ready

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuadrant.api.deployment import Container, Deployment, DisruptionBudget
    from kuadrant.api.limitador import Limitador

NAME: Final = "kuadrant-ratelimit"
"""The name of both objects."""
BEFORE: Final = "kuadrant.io/before"
"""The annotation with what was there before the Limitador said otherwise, as JSON."""
INSTALLED_SECRET: Final = "redis-config"  # noqa: S105 - it is a name
"""The Secret of a store that the service's own rights cover."""

_CONTAINER: Final = "ratelimit"
_VOLUME: Final = "kuadrant-store"
_MEMORY: Final = "RATELIMIT_COUNTER_MEMORY"
_COUNTERS_MIB: Final = 160
"""The memory of counters where nobody sets it (``RatelimitSettings.counter_memory``)."""
_BESIDE_MIB: Final = 300

_COLLECTOR: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_ADDRESS: Final = re.compile(r"(rpc|grpc|https?)://([^\s/?#@]{1,300})/?", re.ASCII)

_SHOWN: Final = {"resources": "resourceRequirements", "store": "storage"}
"""The fields of the spec that have other names than what they are about."""

Said = tuple[str, str]
"""A field of the Limitador's spec, and why it is not in effect; for all of them the field is empty."""


class ServicePods(NamedTuple):
    """What is to be changed, each as a patch, and which fields nothing comes of."""

    deployment: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None
    said: tuple[Said, ...] = ()


class _Not(NamedTuple):
    """A value that is not set, and why; without a reason what is there stays for now."""

    why: str


class _Asked(NamedTuple):
    """What is asked for by field, what stays as it is, and what cannot be."""

    values: dict[str, Any]
    stays: frozenset[str]
    said: tuple[Said, ...]


def service_pods(
    resource: Limitador | None, deployment: Deployment | None, budget: DisruptionBudget | None
) -> ServicePods:
    """Return what is to become of the pods, by the Limitador that the service follows.

    Without one, what was there before is put back. Where another program serves, nothing is done.
    """
    if resource is not None and PACKED not in resource.status.reads:
        return ServicePods()
    asked = _asked(resource, deployment)
    limits, problem = _budget(None if resource is None else resource.spec.pdb)
    absent = tuple(
        (field, f"there is no {kind} {NAME} beside the Limitador")
        for kind, there, fields in (
            ("Deployment", deployment, [_SHOWN.get(one, one) for one in asked.values]),
            ("PodDisruptionBudget", budget, ("pdb",) if limits else ()),
        )
        if there is None
        for field in fields
    )
    late = () if deployment is None or not asked.values else _late(deployment)
    return ServicePods(
        None if deployment is None else _deployment_patch(deployment, asked),
        None if budget is None else _budget_patch(budget, limits),
        (*asked.said, *((("pdb", problem),) if problem else ()), *absent, *late),
    )


def _late(deployment: Deployment) -> Iterator[Said]:
    """Yield the Deployment's word that its pods do not get ready; those of before go on."""
    for one in deployment.status.conditions:
        if (one.get("type"), one.get("status")) == ("Progressing", "False"):
            yield "", f"the Deployment {NAME} does not get there: {one.get('message', '')!s:.300}"


def _asked(resource: Limitador | None, deployment: Deployment | None) -> _Asked:
    if resource is None:
        return _Asked({}, frozenset(), ())
    found = {
        "replicas": _replicas(resource),
        "resources": _resources(resource.spec.resource_requirements, deployment),
        "affinity": _affinity(resource.spec.affinity),
        "tracing": _tracing(resource),
        "store": _store(resource.spec.storage),
    }
    return _Asked(
        {field: one for field, one in found.items() if one is not None and not isinstance(one, _Not)},
        frozenset(field for field, one in found.items() if isinstance(one, _Not) and not one.why),
        tuple(
            (_SHOWN.get(field, field), one.why)
            for field, one in found.items()
            if isinstance(one, _Not) and one.why
        ),
    )


def _replicas(resource: Limitador) -> int | _Not | None:
    """Return how many pods there are to be."""
    replicas, store = resource.spec.replicas, storage_secret(resource.spec.storage)
    if replicas is None:
        return None
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        return _Not("is no number of pods")
    if replicas == 0:
        return _Not(
            "without a pod no request could be counted, and each would get an error: those that run stay"
        )
    if replicas > 1 and store is None:
        return _Not(
            f"without a store each pod counts by itself, and {replicas} would let {replicas} times as much "
            "through: name one in storage"
        )
    return replicas if replicas == 1 or is_ready(resource) else _Not("")


def _affinity(affinity: Any) -> dict[str, Any] | _Not | None:
    return affinity if affinity is None or isinstance(affinity, dict) else _Not("is no affinity of pods")


def _store(storage: Any) -> str | None:
    """Return the Secret that the pods have to be given."""
    store = storage_secret(storage)
    return store if store and store != INSTALLED_SECRET and is_secret_name(store) else None


def _tracing(resource: Limitador) -> str | _Not | None:
    """Return the address of a collector as the variable has it."""
    tracing = resource.spec.tracing
    if tracing is None or TRACES not in resource.status.reads:
        return None
    text = tracing.get("endpoint") if isinstance(tracing, dict) else None
    found = _ADDRESS.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return _Not("endpoint is no address of a collector, such as http://collector:4317")
    return f"{'https' if found[1] == 'https' else 'http'}://{found[2]}"


def _resources(wanted: Any, deployment: Deployment | None) -> dict[str, Any] | _Not | None:
    """Return what the container may take."""
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        return _Not("is no requests and limits of a container")
    limits = wanted.get("limits")
    memory = limits.get("memory") if isinstance(limits, dict) else None
    most = quantity(memory)
    needed = _counters_mib(None if deployment is None else _container(deployment)) + _BESIDE_MIB
    # What is no quantity the API server refuses, in its words.
    if most is None or most >= needed << 20:
        return wanted
    return _Not(
        f"limits.memory {memory} is less than the {needed}Mi that the service may need, and a pod that runs "
        f"out of memory answers nobody; {_MEMORY} of the Deployment sets what counters take of it"
    )


def _counters_mib(container: Container | None) -> int:
    env = {} if container is None else {one.name: one.value for one in container.env}
    text = env.get(_MEMORY, "")
    return int(text) if text.isascii() and text.isdecimal() else _COUNTERS_MIB


def _budget(pdb: Any) -> tuple[dict[str, Any], str]:
    """Return how many pods may be away, or have to stay, and why that is not as it is said."""
    fields = ("maxUnavailable", "minAvailable")
    given = {name: pdb[name] for name in fields if pdb.get(name) is not None} if isinstance(pdb, dict) else {}
    if len(given) > 1:
        return {}, "only one of maxUnavailable and minAvailable can be set"
    return given, ""


def _container(deployment: Deployment) -> Container | None:
    return next((one for one in deployment.spec.template.spec.containers if one.name == _CONTAINER), None)


def _store_mounts(container: Container | None) -> list[str]:
    mounts = () if container is None else container.volume_mounts
    return [one.mount_path for one in mounts if one.name == _VOLUME]


def _current(deployment: Deployment) -> dict[str, Any]:
    """Return what is there of the fields that can be asked for."""
    container = _container(deployment)
    (store, *_) = *_store_mounts(container), ""
    env = {} if container is None else {one.name: one.value for one in container.env}
    return {
        "replicas": deployment.spec.replicas,
        "affinity": deployment.spec.template.spec.affinity,
        "resources": {} if container is None else container.resources,
        "store": store.removeprefix(f"{STORES}/") or None,
        "tracing": env.get(_COLLECTOR),
    }


def _deployment_patch(deployment: Deployment, asked: _Asked) -> dict[str, Any] | None:
    """Return the strategic merge patch that brings the Deployment to what is asked; None if it is that."""
    current = _current(deployment)
    targets, note = _targets(current, asked.values, asked.stays, deployment.metadata.annotations)
    changed = {field: value for field, value in targets.items() if _plain(value) != _plain(current[field])}
    if note is None and not changed:
        return None
    return _patch(note, _changes(changed, current, _store_mounts(_container(deployment))))


def _budget_patch(budget: DisruptionBudget, limits: dict[str, Any]) -> dict[str, Any] | None:
    """Return the same for the PodDisruptionBudget."""
    current = {"pods": msgspec.to_builtins(budget.spec)}
    asked = {"pods": limits} if limits else {}
    targets, note = _targets(current, asked, frozenset(), budget.metadata.annotations)
    wanted = targets.get("pods", current["pods"])
    if note is None and wanted == current["pods"]:
        return None
    return _patch(note, {"maxUnavailable": None, "minAvailable": None, **wanted})


def _targets(
    current: Mapping[str, Any],
    asked: Mapping[str, Any],
    stays: frozenset[str],
    annotations: Mapping[str, str],
) -> tuple[dict[str, Any], dict[str, str | None] | None]:
    """Return what fields are to be, and the annotation with what was before; None if it is that."""
    former = _read(annotations.get(BEFORE, ""))
    before = {field: former.get(field, current[field]) for field in current if field in asked}
    before |= {field: former[field] for field in former if field in stays}
    restored = {field: former[field] for field in former if field in current and field not in before}
    text = msgspec.json.encode(before, order="sorted").decode() if before else None
    return {**restored, **asked}, None if before == former else {BEFORE: text}


def _read(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except msgspec.MsgspecError:
        return {}


def _patch(note: dict[str, str | None] | None, spec: dict[str, Any]) -> dict[str, Any]:
    annotations = {} if note is None else {"metadata": {"annotations": note}}
    return {**annotations, **({"spec": spec} if spec else {})}


def _changes(changed: Mapping[str, Any], current: Mapping[str, Any], mounts: list[str]) -> dict[str, Any]:
    """Return the spec of a strategic merge patch that makes these fields so."""
    pod: dict[str, Any] = {}
    container: dict[str, Any] = {}
    if "affinity" in changed:
        pod["affinity"] = _instead(changed["affinity"], current["affinity"])
    if "resources" in changed:
        container["resources"] = _instead(changed["resources"], current["resources"])
    if "tracing" in changed:
        value = {"$patch": "delete"} if changed["tracing"] is None else {"value": changed["tracing"]}
        container["env"] = [{"name": _COLLECTOR, **value}]
    if "store" in changed:
        container["volumeMounts"] = [{"$patch": "delete", "mountPath": path} for path in mounts]
        volume: dict[str, Any] = {"$patch": "delete"}
        if store := changed["store"]:
            container["volumeMounts"].append(
                {"name": _VOLUME, "mountPath": f"{STORES}/{store}", "readOnly": True}
            )
            # A pod whose Secret is not there has to say so, which it can only once it runs.
            volume = {"secret": {"secretName": store, "optional": True}}
        pod["volumes"] = [{"name": _VOLUME, **volume}]
    if container:
        pod["containers"] = [{"name": _CONTAINER, **container}]
    replicas = {"replicas": changed["replicas"]} if "replicas" in changed else {}
    return {**replicas, **({"template": {"spec": pod}} if pod else {})}


def _instead(value: dict[str, Any] | None, there: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a value that takes the place of the whole: without the word for it, it would be merged.

    With that word where nothing is, the API server drops the value.
    """
    return {"$patch": "replace", **value} if value and there else value or None


def _plain(value: Any) -> Any:
    """Return a value without what the API server writes otherwise: empty fields, and ``1000m`` for 1."""
    if not isinstance(value, dict):
        return value
    plain = {name: _plain(one) for name, one in value.items()}
    for part in ("requests", "limits"):
        if isinstance(value.get(part), dict):
            plain[part] = {name: quantity(one) or str(one) for name, one in value[part].items()}
    return {name: one for name, one in plain.items() if one not in (None, {}, [])} or None
