"""From the files of a folder to all that the rate limit service and Envoy are to have; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.api import documents
from kuadrant.api.documents import Folder
from kuadrant.api.problem import Problem
from kuadrant.compiler import Compilation, compile_gateways
from kuadrant.dialects import Dialect, Service, expressible
from kuadrant.gateways import envoy
from kuadrant.standalone.stages import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from kuadrant.api.objects import Objects
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.policy.model import Problem as ObjectProblem
    from kuadrant.standalone.folder_files import File

Addresses = dict[envoy.ListenerKey, envoy.Address]


class PlanSettings(Struct, frozen=True, kw_only=True):
    """What a plan is made for: the module and its dialect, the rate limit service, and where things are.

    ``module_name`` is for people.
    """

    module: bytes
    module_name: str
    dialect: Dialect
    service: Service
    rate_limit: envoy.Address
    echo: envoy.Address | None
    first: envoy.Address


class Plan(Struct, frozen=True, kw_only=True):
    """A folder without mistakes.

    What to have, where its listeners are, and what a person ought to know of it.
    """

    target: Target
    compilation: Compilation
    addresses: Addresses
    notes: tuple[Problem, ...]


class Compiled(Struct, frozen=True, kw_only=True):
    """The objects of a folder without mistakes, what they compile to, and what a person ought to know."""

    folder: Folder
    compilation: Compilation
    notes: tuple[Problem, ...]


class Mistakes(Struct, frozen=True):
    """Why a folder is not acted upon: every mistake in it, in the order of files and lines."""

    problems: tuple[Problem, ...]


def plan(
    files: Iterable[File],
    surroundings: PlanSettings,
    addresses: Mapping[envoy.ListenerKey, envoy.Address],
    compile_objects: Callable[[Objects], Compilation] = compile_gateways,
) -> Plan | Mistakes:
    """Return what to have for ``files``, or all their mistakes.

    ``compile_objects`` may know what was compiled before.

    Listeners that are in ``addresses`` keep theirs.
    """
    made = compiled(files, surroundings, compile_objects)
    if isinstance(made, Mistakes):
        return made
    folder, compilation = made.folder, made.compilation
    own = assign(compilation.programs, surroundings.first, addresses)
    notes = (*made.notes, *_unserved(compilation.programs, own, folder))
    return Plan(
        target=Target(compilation.limits, _resources(folder, compilation, surroundings, own)),
        compilation=compilation,
        addresses=own,
        notes=tuple(sorted(notes)),
    )


def compiled(
    files: Iterable[File],
    surroundings: PlanSettings,
    compile_objects: Callable[[Objects], Compilation] = compile_gateways,
) -> Compiled | Mistakes:
    """Return what ``files`` compile to, or all their mistakes.

    A policy that would not be in effect (its target is missing, another policy has it) is a mistake here: the
    folder is the whole world, so nothing can come that would make it right.
    """
    files = tuple(files)
    folder = documents.read((file.path, file.text) for file in files if file.error is None)
    unreadable = [Problem(file.path, 1, 1, "", "", file.error) for file in files if file.error is not None]
    if unreadable or folder.problems:
        return Mistakes(tuple(sorted((*unreadable, *folder.problems))))
    compilation = expressible(
        folder.objects,
        compile_objects,
        surroundings.dialect,
        surroundings.service.failure_mode,
        surroundings.module_name,
    )
    idle = {fact.policy.key for fact in compilation.policies if fact.acceptance.reason != "Accepted"}
    mistakes: list[Problem] = []
    notes = list(folder.notes)
    for problem in compilation.problems:
        is_idle = problem.kind == "RateLimitPolicy" and f"{problem.namespace}/{problem.name}" in idle
        (mistakes if problem.severity == "error" or is_idle else notes).append(_placed(problem, folder))
    if mistakes:
        return Mistakes(tuple(sorted(mistakes)))
    return Compiled(folder=folder, compilation=compilation, notes=tuple(notes))


def _resources(
    folder: Folder, compilation: Compilation, surroundings: PlanSettings, addresses: Addresses
) -> dict[str, dict[str, dict[str, object]]]:
    return envoy.resources(
        compilation.programs,
        envoy.ListenerSettings(
            module=surroundings.module,
            configure=surroundings.dialect.configure(surroundings.service),
            addresses=addresses,
            rate_limit=surroundings.rate_limit,
            endpoints=envoy.ready_addresses(folder.objects.services, folder.objects.endpoint_slices),
            echo=surroundings.echo,
        ),
    )


def assign(
    programs: Iterable[GatewayProgram],
    first: envoy.Address,
    before: Mapping[envoy.ListenerKey, envoy.Address],
) -> Addresses:
    """Return an address for each port of each gateway.

    The one that it had, else the next free port from ``first`` on.
    """
    keys = [
        (f"{program.namespace}/{program.name}", listener.port)
        for program in programs
        for listener in program.listeners
        if listener.protocol == "HTTP"
    ]
    result = {key: before[key] for key in keys if key in before}
    taken = {address.port for address in result.values()}
    free = (port for port in range(first.port, 65536) if port not in taken)
    for key in keys:
        if key not in result and (port := next(free, None)) is not None:
            result[key] = envoy.Address(first.host, port)
    return result


def _unserved(programs: Iterable[GatewayProgram], addresses: Addresses, folder: Folder) -> Iterator[Problem]:
    for one in envoy.unserved(programs, addresses):
        namespace, _, name = one.gateway.partition("/")
        source = folder.sources["Gateway", namespace, name]
        names = ", ".join(one.names)
        yield Problem(
            source.file,
            source.line,
            1,
            f"Gateway {one.gateway}",
            f"listeners {names}",
            f"not served: {one.reason}",
        )


def _placed(problem: ObjectProblem, folder: Folder) -> Problem:
    """The problem with the place of its field in the folder."""
    source = folder.sources[problem.kind, problem.namespace, problem.name]
    subject = f"{problem.kind} {problem.namespace}/{problem.name}"
    return Problem(source.file, *source.place(problem.field), subject, problem.field, problem.message)
