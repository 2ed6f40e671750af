"""Reads a cluster as the operator would decide it, to be asked what becomes of requests.

Nothing has to be installed, and nothing is followed: it takes the right to list the kinds of ``READ``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import structs

from kuadrant.api.meta import Condition
from kuadrant.compiler import Compiler, PolicyFacts
from kuadrant.dialects import chosen, expressible
from kuadrant.explanation import Configuration, Origins
from kuadrant.kube.store import Store
from kuadrant.kube.whole_list import read_list
from kuadrant.operator.core import kinds
from kuadrant.operator.core.accepted_policies import AcceptedPolicies
from kuadrant.operator.core.router_order import InRouterOrder
from kuadrant.operator.core.world import Observer
from kuadrant.policy.model import Policy, Target
from kuadrant.policy.policy_acceptance import Acceptance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2

    from kuadrant.api.objects import Objects
    from kuadrant.compiler import Compilation
    from kuadrant.kube.kind import Kind
    from kuadrant.operator.core.world import World
    from kuadrant.policy.failure_mode import FailureMode
    from kuadrant.wasm.module import Module

    Compile = Callable[[Objects], Compilation]

READ: Final[tuple[Kind[Any], ...]] = (
    kinds.GATEWAY_CLASSES,
    kinds.GATEWAYS,
    kinds.HTTP_ROUTES,
    kinds.GRPC_ROUTES,
    kinds.NAMESPACES,
    kinds.KUADRANTS,
    kinds.POLICIES,
)
NO_KUADRANT: Final = "there is no Kuadrant resource: nothing is enforced before there is one"


async def read_cluster(client: httpx2.AsyncClient) -> World:
    """Return what there is in the cluster, of the kinds that decide what becomes of a request.

    Raises:
        RequestError: One of them may not be listed, or the API server cannot be asked.
    """
    store = Store()
    for kind in kinds.ALL:
        store.add(kind)
    observer = Observer(store)
    for kind in READ:
        store.receive(kind, [await read_list(client, kind)])
    return observer.world()


def configured(world: World, module: Module, failure_mode: FailureMode) -> Configuration:
    """Return what the cluster says to gateways that run ``module``.

    Policies whose stored form is refused have their last accepted one, as the operator has it.

    Raises:
        UnknownDialectError: This build does not write what the module reads.
    """
    return ClusterConfigurations(module, failure_mode).of(world)


class ClusterConfigurations:
    """Configurations of one world after the other; what did not change is not compiled again.

    Args:
        module: What gateways run.
        failure_mode: What becomes of a request for which an expression has no value.

    Raises:
        UnknownDialectError: This build does not write what the module reads.
    """

    def __init__(self, module: Module, failure_mode: FailureMode) -> None:
        self._dialect = chosen(module.dialects)
        self._module = f"{module.name} {module.version}"
        self._failure_mode = failure_mode
        self._accepted = AcceptedPolicies()
        self._compiler = Compiler()
        self._in_order = InRouterOrder(self._compiler.compile)

    def of(self, world: World) -> Configuration:
        """Return what a cluster says; where rules come from is told until this is asked the next time."""
        accepted = self._accepted.of(world, 0.0)
        compilation = expressible(
            accepted.objects, self._in_order, self._dialect, self._failure_mode, self._module
        )
        facts = (*compilation.policies, *_refused(accepted))
        return Configuration(
            compilation,
            Origins(self._compiler.origins, facts),
            self._failure_mode,
            own_router=False,
            notes=_notes(accepted.objects),
            objects=accepted.objects,
            conditions={"/".join(key): _conditions(one.status) for key, one in world.policies.items()},
        )


def as_if_in(world: World) -> Callable[[Compile], Compile]:
    """Return what has objects compiled as if they were in the cluster of ``world``.

    Rules are in the order of its routers, by the classes of Gateways, and it has its namespaces.
    """

    def compiling(compile_objects: Compile) -> Compile:
        in_order = InRouterOrder(compile_objects)
        return lambda objects: in_order(_among(world.objects, objects))

    return compiling


def _among(own: Objects, objects: Objects) -> Objects:
    named = {one.metadata.name for one in objects.namespaces}
    namespaces = (*objects.namespaces, *(one for one in own.namespaces if one.metadata.name not in named))
    return structs.replace(
        objects,
        gateway_classes=own.gateway_classes,
        namespaces=namespaces,
        # It says where Gateways that do not say it have identities from.
        kuadrants=objects.kuadrants or own.kuadrants,
    )


def _refused(world: World) -> Iterator[PolicyFacts]:
    """Yield the policies of which no form is in effect, with why."""
    for (namespace, name), standing in world.standings.items():
        stored = world.policies.get((namespace, name))
        if standing.generation is not None or not standing.problem or stored is None:
            continue
        reference = stored.spec.get("targetRef")
        fields = reference if isinstance(reference, dict) else {}
        target = Target(str(fields.get("kind", "")), namespace, str(fields.get("name", "")))
        yield PolicyFacts(Policy(namespace, name, target), Acceptance("Invalid", standing.problem))


def _conditions(status: dict[str, Any]) -> tuple[Condition, ...]:
    try:
        return msgspec.convert(status.get("conditions", ()), tuple[Condition, ...])
    except msgspec.ValidationError:  # others write there, too
        return ()


def _notes(objects: Objects) -> tuple[str, ...]:
    return () if objects.kuadrants else (NO_KUADRANT,)
