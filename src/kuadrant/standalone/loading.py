"""A folder of YAML, to be asked what becomes of requests."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from kuadrant.compiler import Compiler
from kuadrant.explanation import Configuration, NotServed, Origins
from kuadrant.gateways.envoy import certificates
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode
from kuadrant.policy.route_attachment import takes_requests
from kuadrant.standalone.folder_files import read
from kuadrant.standalone.plan import Mistakes, assign, compiled
from kuadrant.standalone.translate import surroundings
from kuadrant.wasm.catalogue import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kuadrant.api.documents import Folder
    from kuadrant.api.objects import Objects
    from kuadrant.compiler import Compilation
    from kuadrant.findings import Finding
    from kuadrant.standalone.folder_files import File
    from kuadrant.wasm.module import Module

    Compile = Callable[[Objects], Compilation]


class MistakesError(ValueError):
    """A folder that is not acted upon; ``problems`` are all its mistakes, each with its place."""

    def __init__(self, problems: Iterable[Finding]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def load(folder: Path | str, *, failure_mode: FailureMode = DEFAULT_FAILURE_MODE) -> Configuration:
    """Read a folder as ``kuadrant run`` does.

    Raises:
        MistakesError: It has mistakes.
        FolderError: It cannot be read.
    """
    return configured(read(Path(folder)), current(None), failure_mode)


def configured(
    files: Iterable[File],
    module: Module,
    failure_mode: FailureMode,
    compiling: Callable[[Compile], Compile] = lambda compile_objects: compile_objects,
) -> Configuration:
    """Return what ``files`` say to gateways that run ``module``.

    ``compiling`` has them compiled as if they were elsewhere.

    Raises:
        MistakesError: They have mistakes.
        UnknownDialectError: This build does not write what the module reads.
    """
    made_for = surroundings(module, failure_mode)
    compiler = Compiler()
    made = compiled(files, made_for, compiling(compiler.compile))
    if isinstance(made, Mistakes):
        raise MistakesError(made.problems)
    compilation = made.compilation
    addresses = assign(compilation.programs, made_for.first, {})
    return Configuration(
        compilation,
        Origins(compiler.origins, compilation.policies, made.folder.sources),
        failure_mode,
        {address.port: key for key, address in addresses.items()},
        objects=made.folder.objects,
        not_served=_not_served(made.folder),
    )


def _not_served(folder: Folder) -> dict[tuple[str, str], NotServed]:
    """Why `kuadrant run` does not serve listeners, by Gateway (``namespace/name``) and name."""
    reasons = {
        (f"{gateway.metadata.namespace}/{gateway.metadata.name}", listener.name): (
            f"the protocol is {listener.protocol}, and only HTTP and HTTPS are served"
        )
        for gateway in folder.objects.gateways
        for listener in gateway.spec.listeners
        if not takes_requests(listener)
    }
    shown = certificates(folder, dt.datetime.now(dt.UTC), {})
    return {
        key: NotServed(by="kuadrant run", because=because)
        for key, because in (reasons | dict(shown.unserved)).items()
    }
