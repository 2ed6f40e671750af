"""What there has to be in the cluster, decided from what there is; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from kuadrant.api.limitador import Identity, Limit
from kuadrant.api.meta import Condition
from kuadrant.compiler import Compilation, compile_gateways
from kuadrant.compiler.program import HostProgram
from kuadrant.gateways import istio
from kuadrant.gateways.envoy import Address
from kuadrant.gateways.istio import GatewayObjects
from kuadrant.gateways.limitador import NAME, limitador
from kuadrant.gateways.module import Module
from kuadrant.operator import kinds
from kuadrant.status import (
    GatewayState,
    Installation,
    PolicyStatus,
    evidence,
    kuadrant_condition,
    merged_conditions,
    policy_status,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.api.kuadrant import Kuadrant
    from kuadrant.operator.kinds import Limitador
    from kuadrant.operator.world import World

GRPC_PORT = "grpc"


class Known(Struct, frozen=True, kw_only=True):
    """What is known beside the objects of the cluster.

    ``module`` is the one to load; ``module_problem`` says why its address has not been proven to give its bytes, and is empty
    if it has. ``configure`` renders hosts in the module's dialect. Limits that are no longer wanted stay until they
    are in ``forgotten`` (by their identity): gateways may still ask for them.
    """

    module: Module
    module_problem: str
    configure: Callable[[tuple[HostProgram, ...]], bytes]
    forgotten: frozenset[Identity] = frozenset()


class Decision(Struct, frozen=True, kw_only=True):
    """What to apply, in this order: the rate limit service's resource, the gateways' objects; then what to delete.

    ``held`` tells whether the rate limit service holds all of ``limits``. The objects of gateways in
    ``waiting`` (``namespace/name``) may not be written yet; what there is of theirs stays.
    """

    limits: tuple[Limit, ...]
    limitador: dict[str, Any] | None
    limitador_problem: str
    held: bool
    gateways: tuple[GatewayObjects, ...]
    waiting: frozenset[str]
    obsolete: tuple[Mapping[str, Any], ...]
    compilation: Compilation
    installed: bool


def decide(world: World, known: Known) -> Decision:
    """Decide what there has to be.

    The objects of a gateway are written when the rate limit service has said that it holds the limits and the module's
    address was proven: before, they would limit nothing, or answer every request with an error.
    """
    compilation = compile_gateways(world.objects)
    kuadrant = oldest(world.objects.kuadrants)
    own = None if kuadrant is None else world.limitadors.get((kuadrant.metadata.namespace, NAME))
    present = () if own is None else held_limits(own)
    limits = union(compilation.limits, (one for one in present if one.identity not in known.forgotten))
    resource = None if kuadrant is None else limitador(kuadrant, limits)
    held = own is not None and is_ready(own) and _holds(own, limits)
    address = None if own is None else service_address(own)
    gateways = tuple(_gateways(world, known, compilation, address))
    ready = held and address is not None and not known.module_problem and kuadrant is not None
    waiting = frozenset() if ready else frozenset(_key(one) for one in gateways if one.objects)
    return Decision(
        limits=limits,
        limitador=None if resource is None else resource.document,
        limitador_problem="" if resource is None else resource.problem or "",
        held=held,
        gateways=gateways,
        waiting=waiting,
        obsolete=istio.obsolete(world.existing, gateways),
        compilation=compilation,
        installed=kuadrant is not None,
    )


def oldest(kuadrants: Iterable[Kuadrant]) -> Kuadrant | None:
    """The Kuadrant that counts where there are several."""
    return min(
        (one for one in kuadrants if one.metadata.deletion_timestamp is None),
        key=lambda one: (one.metadata.creation_timestamp or "", one.metadata.namespace, one.metadata.name),
        default=None,
    )


def union(wanted: tuple[Limit, ...], kept: Iterable[Limit]) -> tuple[Limit, ...]:
    """Return ``wanted`` and those of ``kept`` that count something else."""
    have = {limit.identity for limit in wanted}
    return (*wanted, *(limit for limit in kept if limit.identity not in have))


def is_ready(resource: Limitador) -> bool:
    """Whether the rate limit service says that it serves the resource as it is now."""
    status = resource.status
    return status.observed_generation >= resource.metadata.generation and any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in status.conditions
    )


def service_address(resource: Limitador) -> Address | None:
    """Where the rate limit service answers gRPC; None as long as it has not said so."""
    service = resource.status.service
    port = service.ports.get(GRPC_PORT)
    return Address(service.host, port) if service.host and port else None


def held_limits(resource: Limitador) -> tuple[Limit, ...]:
    """The limits of a resource as they are written; those that cannot be read are left out."""
    found: list[Limit] = []
    for one in resource.spec.get("limits") or ():
        try:
            found.append(msgspec.convert(one, Limit))
        except msgspec.ValidationError:
            continue
    return tuple(found)


def _holds(resource: Limitador, limits: Iterable[Limit]) -> bool:
    return set(limits) <= set(held_limits(resource))


def _gateways(
    world: World, known: Known, compilation: Compilation, address: Address | None
) -> Iterator[GatewayObjects]:
    settings = istio.Settings(
        module=known.module,
        configure=known.configure,
        rate_limit=address or Address("", 0),
    )
    by_key = {(one.metadata.namespace, one.metadata.name): one for one in world.objects.gateways}
    for program in compilation.programs:
        gateway = by_key[program.namespace, program.name]
        pods = istio.selection(gateway, world.services, world.pods.get(program.namespace, ()))
        yield istio.gateway_objects(gateway, program, pods, settings)


def _key(objects: GatewayObjects) -> str:
    return f"{objects.namespace}/{objects.name}"


# Statuses


def policy_statuses(decision: Decision, known: Known, refused: Mapping[str, str]) -> tuple[PolicyStatus, ...]:
    """What is to be said of every policy. ``refused`` tells for each gateway why its objects could not be written."""
    states = [
        GatewayState(
            gateway=_key(one),
            missing=("WasmPlugin",) if _key(one) in decision.waiting else (),
            module=not known.module_problem,
            limits=decision.held,
            accepted=True,
            refused=one.problem or refused.get(_key(one), ""),
        )
        for one in decision.gateways
    ]
    proof = evidence(states, installed=decision.installed)
    return tuple(policy_status(facts, proof) for facts in decision.compilation.policies)


def unreadable_status(key: tuple[str, str], problem: str) -> PolicyStatus:
    """What is to be said of a policy that has never been readable."""
    message = f"RateLimitPolicy cannot be read: {problem}"
    accepted = Condition(type="Accepted", status="False", reason="Invalid", message=message)
    return PolicyStatus(*key, (accepted,))


def status_content(
    existing: Mapping[str, Any], status: PolicyStatus, *, generation: int, now: str
) -> dict[str, Any]:
    """The status of a policy as it is applied; ``existing`` is what the API server has."""
    return {
        "status": {
            "observedGeneration": generation,
            "conditions": merged_conditions(
                existing.get("conditions") or (),
                status.conditions,
                ours={"Accepted", "Enforced"},
                generation=generation,
                now=now,
            ),
        }
    }


def kuadrant_status_content(
    kuadrant: Kuadrant, decision: Decision, world: World, failure: str, now: str
) -> dict[str, Any]:
    """The status of the Kuadrant as it is applied."""
    resource = world.limitadors.get((kuadrant.metadata.namespace, NAME))
    if resource is None:
        service = "limitador resource not in topology"
    elif not is_ready(resource):
        service = "the rate limit service has not taken the limits yet"
    else:
        service = ""
    condition = kuadrant_condition(
        Installation(
            missing=() if world.has_istio else ("Gateway API provider (istio / envoy gateway)",),
            limitador=service,
            failure=failure or decision.limitador_problem,
        )
    )
    generation = kuadrant.metadata.generation
    return {
        "status": {
            "observedGeneration": generation,
            "conditions": merged_conditions(
                [msgspec.to_builtins(one) for one in kuadrant.status.conditions],
                [condition],
                ours={"Ready"},
                generation=generation,
                now=now,
            ),
        }
    }


def documents(decision: Decision) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of gateways that may be written, each with the gateway it is for."""
    for one in decision.gateways:
        if _key(one) not in decision.waiting:
            for document in one.objects:
                yield _key(one), document


KINDS = {"WasmPlugin": kinds.WASM_PLUGINS, "EnvoyFilter": kinds.ENVOY_FILTERS}
