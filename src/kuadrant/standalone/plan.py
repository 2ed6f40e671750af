"""From the files of a folder to all that the rate limit service and Envoy are to have; pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Struct, structs

from kuadrant.api import documents
from kuadrant.api.documents import Folder
from kuadrant.api.problem import Problem
from kuadrant.compiler import Compilation, compile_gateways, identities
from kuadrant.dialects import Dialect, Service, expressible
from kuadrant.findings import RULES, Finding, document_findings, findings
from kuadrant.gateways import envoy
from kuadrant.policy.model import Problem as ObjectProblem
from kuadrant.policy.route_attachment import takes_requests
from kuadrant.standalone.key_files import SUFFIX, with_keys
from kuadrant.standalone.stages import Target

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from kuadrant.api.limitador import Limit
    from kuadrant.api.objects import Objects
    from kuadrant.compiler.program import GatewayProgram
    from kuadrant.standalone.folder_files import File

Addresses = dict[envoy.ListenerKey, envoy.Address]
_LIMITS_KEY = "kuadrant-limits"
ReadDocuments = Callable[[Iterable[tuple[str, str]]], Folder]


class PlanSettings(Struct, frozen=True, kw_only=True):
    """The facts that a plan is made for: module and dialect, rate limit service, and where things are.

    ``module_name`` is for people. ``access_log`` is the file that gets a line for each request, if any does.
    ``http3`` says whether listeners of HTTPS serve HTTP/3, too.
    """

    module: bytes
    module_name: str
    dialect: Dialect
    service: Service
    rate_limit: envoy.Address
    echo: envoy.Address | None
    first: envoy.Address
    access_log: str | None = None
    http3: bool = False


class Before(Struct, frozen=True, kw_only=True):
    """Holds what listeners keep from one plan to the next: where they are, and certificates they may need."""

    addresses: Addresses = {}
    certificates: Mapping[str, envoy.KeyPair] = {}


class Plan(Struct, frozen=True, kw_only=True):
    """A folder that can be acted upon: what it holds, what to have for it, and where its listeners are.

    ``addresses`` are also of listeners that are not served, since they have no certificate.
    """

    folder: Folder
    target: Target
    compilation: Compilation
    addresses: Addresses
    certificates: envoy.Certificates
    authentication: envoy.Authentication

    @property
    def before(self) -> Before:
        """Return what the next plan has to keep."""
        return Before(addresses=self.addresses, certificates=self.certificates.held)

    @property
    def served(self) -> Addresses:
        """Return where the listeners are that are served."""
        left_out = {
            (one.gateway, one.port)
            for one in envoy.unserved(self.compilation.programs, self.addresses, self.certificates.chains)
        }
        return {key: address for key, address in self.addresses.items() if key not in left_out}

    def findings(self) -> tuple[Finding, ...]:
        """Return what a person ought to know of the folder; that takes its time."""
        more = (*_without_port(self), *self.certificates.problems, *self.authentication.problems)
        return findings(self.folder, self.compilation, more)


class Compiled(Struct, frozen=True, kw_only=True):
    """The objects of a folder without mistakes, and what they compile to."""

    folder: Folder
    compilation: Compilation


class Mistakes(Struct, frozen=True):
    """The reasons why a folder is not acted upon: every mistake in it, in the order of files and lines."""

    problems: tuple[Finding, ...]


def plan(
    files: Iterable[File],
    surroundings: PlanSettings,
    before: Before,
    now: dt.datetime,
    compile_objects: Callable[[Objects], Compilation] = compile_gateways,
    *,
    read_documents: ReadDocuments = documents.read,
    revised: Callable[[Compilation], Compilation] = lambda compilation: compilation,
) -> Plan | Mistakes:
    """Return what to have for ``files`` at the time ``now``, or all their mistakes.

    ``compile_objects`` may know what was compiled before, ``read_documents`` what was read, and ``revised``
    what limits were before an edit.
    """
    made = compiled(files, surroundings, compile_objects, read_documents)
    if isinstance(made, Mistakes):
        return made
    folder, compilation = made.folder, made.compilation
    own = assign(compilation.programs, surroundings.first, before.addresses)
    shown = envoy.certificates(folder, now, before.certificates)
    checked = envoy.authentication(folder.objects, identities(folder.objects))
    asked = revised(compilation)
    told = _resources(folder, asked, surroundings, own, certificates=shown, authentication=checked)
    return Plan(
        folder=folder,
        target=Target(asked.limits, told),
        compilation=compilation,
        addresses=own,
        certificates=shown,
        authentication=checked,
    )


def compiled(
    files: Iterable[File],
    surroundings: PlanSettings,
    compile_objects: Callable[[Objects], Compilation] = compile_gateways,
    read_documents: ReadDocuments = documents.read,
) -> Compiled | Mistakes:
    """Return what ``files`` compile to, or all their mistakes.

    A policy that would not be in effect (its target is missing, another policy has it) is a mistake here: the
    folder is the whole world, so nothing can come that would make it right.
    """
    folder = read(files, read_documents)
    if folder.problems:
        return Mistakes(document_findings(folder))
    compilation = compile_folder(folder, surroundings, compile_objects)
    wrong = {one.code for one in compilation.problems if RULES[one.code].severity == "error"}
    if wrong:
        found = findings(folder, compilation)
        return Mistakes(tuple(one for one in found if one.code in wrong))
    return Compiled(folder=folder, compilation=compilation)


def read(files: Iterable[File], read_documents: ReadDocuments = documents.read) -> Folder:
    """Return what ``files`` hold; that one of them cannot be read is among the problems."""
    files = tuple(files)
    whole = [file for file in files if file.error is None]
    keys = [file for file in whole if file.path.endswith(SUFFIX)]
    written = read_documents((file.path, file.text) for file in whole if file not in keys)
    folder = with_keys(written, keys)
    unreadable = [
        Problem(file.path, 1, 1, "", "", file.error, "not-readable")
        for file in files
        if file.error is not None
    ]
    return structs.replace(folder, problems=tuple(sorted((*unreadable, *folder.problems))))


def compile_folder(
    folder: Folder,
    surroundings: PlanSettings,
    compile_objects: Callable[[Objects], Compilation] = compile_gateways,
) -> Compilation:
    """Return what the module of ``surroundings`` can be told of ``folder``, with mistakes or without."""
    return expressible(
        folder.objects,
        compile_objects,
        surroundings.dialect,
        surroundings.service.failure_mode,
        surroundings.module_name,
    )


def _resources(
    folder: Folder,
    compilation: Compilation,
    surroundings: PlanSettings,
    addresses: Addresses,
    *,
    certificates: envoy.Certificates,
    authentication: envoy.Authentication,
) -> dict[str, dict[str, dict[str, object]]]:
    return envoy.resources(
        compilation.programs,
        envoy.ListenerSettings(
            module=surroundings.module,
            configure=surroundings.dialect.configure(_asked_for(compilation.limits, surroundings.service)),
            addresses=addresses,
            rate_limit=surroundings.rate_limit,
            endpoints=envoy.ready_addresses(folder.objects.services, folder.objects.endpoint_slices),
            http2=envoy.http2_ports(folder.objects.services),
            echo=surroundings.echo,
            certificates=certificates,
            authentication=authentication,
            access_log=surroundings.access_log,
            http3=surroundings.http3,
        ),
    )


def _asked_for(limits: Iterable[Limit], service: Service) -> Service:
    """The service as Envoy is told of it, where it is ours: with other limits it is another one.

    So an edit of limits, of which the module would be told nothing otherwise, has it forget whom it denied.
    """
    if service.metadata is UNSET:
        return service
    digest = hashlib.sha256(msgspec.json.encode(sorted(limits, key=repr))).hexdigest()[:16]
    return structs.replace(service, metadata={**service.metadata, _LIMITS_KEY: digest})


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
    ]
    result = {key: before[key] for key in keys if key in before}
    taken = {address.port for address in result.values()}
    free = (port for port in range(first.port, 65536) if port not in taken)
    for key in keys:
        if key not in result and (port := next(free, None)) is not None:
            result[key] = envoy.Address(first.host, port)
    return result


def _without_port(plan: Plan) -> Iterator[ObjectProblem]:
    """Yield the listeners that would be served if there were ports left."""
    gateways = {(one.metadata.namespace, one.metadata.name): one for one in plan.folder.objects.gateways}
    for one in envoy.unserved(plan.compilation.programs, plan.addresses, plan.certificates.chains):
        if (one.gateway, one.port) in plan.addresses:
            continue  # of what else is missing it is said at its place
        namespace, _, name = one.gateway.partition("/")
        for index, listener in enumerate(gateways[namespace, name].spec.listeners):
            if listener.name in one.names and takes_requests(listener):
                of = ("Gateway", namespace, name)
                field = f"spec.listeners[{index}].port"
                yield ObjectProblem(
                    "warning", *of, field, f"is not served: {one.reason}", "listener-not-served"
                )
