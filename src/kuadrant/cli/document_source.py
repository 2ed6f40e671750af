"""Reads the objects that a command asks about, from a folder or a cluster."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kuadrant.cli.output import complain, complain_of_mistakes
from kuadrant.cli.paths import ModulesFolder, is_given
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode
from kuadrant.wasm.catalogue import current

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.explanation import Configuration
    from kuadrant.operator.core.world import World
    from kuadrant.standalone.folder_files import File


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Where:
    """The place of the objects, and what gateways do that is not among them.

    Attributes:
        cluster: Read the objects of a cluster in place of a folder. It takes the right to list Gateways,
            their classes, routes, RateLimitPolicies, Kuadrants and Namespaces; nothing has
            to be installed.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
        failure_mode: What happens to a request for which an expression has no value: deny is 500.
        modules: A folder of fetched modules; the current one of them is what gateways run.
    """

    cluster: bool = False
    kubeconfig: Path | None = None
    failure_mode: Annotated[FailureMode, Parameter(env_var="RATELIMIT_SERVICE_FAILURE_MODE")] = (
        DEFAULT_FAILURE_MODE
    )
    modules: ModulesFolder = None

    def configuration(self, path: str, output: str) -> Configuration:
        """Return what is at ``path`` or in the cluster; ends the process with 2 if that cannot be asked.

        Raises:
            RequestError: There is nothing at ``path``.
            FolderError: It cannot be read.
            MistakesError: It has mistakes.
        """
        return self._of_cluster(output) if self.cluster else self.path(path, output)

    def path(self, path: str, output: str) -> Configuration:
        """Return what is in a folder or a file, with places as people reach them from here.

        Raises:
            RequestError: There is nothing at ``path``.
            FolderError: It cannot be read.
            MistakesError: It has mistakes.
        """
        from kuadrant.standalone.loading import configured  # noqa: PLC0415

        with known_dialect(output):
            return configured(_files(path), current(self.modules), self.failure_mode)

    def cluster_and_path(self, path: str, output: str) -> tuple[Configuration, Configuration]:
        """Return what is in the cluster, and what it would do with what is at ``path``.

        Raises:
            RequestError: There is nothing at ``path``.
            FolderError: It cannot be read.
            MistakesError: It has mistakes.
        """
        from kuadrant.operator.cluster_configuration import as_if_in, configured  # noqa: PLC0415
        from kuadrant.standalone import loading  # noqa: PLC0415

        module, files = current(self.modules), [*_files(path)]
        with known_dialect(output):
            world = self._world(output)
            own = loading.configured(files, module, self.failure_mode, as_if_in(world))
            return configured(world, module, self.failure_mode), own

    def _world(self, output: str) -> World:
        from kuadrant.cli.cluster import ask_cluster  # noqa: PLC0415
        from kuadrant.operator.cluster_configuration import read_cluster  # noqa: PLC0415

        return ask_cluster(self.kubeconfig, read_cluster, output, code=2)

    def _of_cluster(self, output: str) -> Configuration:
        from kuadrant.operator.cluster_configuration import configured  # noqa: PLC0415

        with known_dialect(output):
            return configured(self._world(output), current(self.modules), self.failure_mode)


def _files(path: str) -> Iterator[File]:
    from kuadrant.standalone.folder_files import read_below, read_given  # noqa: PLC0415

    _check(path)
    return iter(read_given(path)) if path == "-" else read_below(Path(path))


def _check(path: str) -> None:
    from kuadrant.explanation import RequestError  # noqa: PLC0415

    try:
        is_given(None, path)
    except ValueError as error:
        raise RequestError(str(error)) from None


@contextmanager
def reading(output: str) -> Iterator[None]:
    """End the process with 2, and say why, if a request or what it is asked of cannot be read."""
    from kuadrant.explanation import RequestError  # noqa: PLC0415
    from kuadrant.standalone.folder_selection import FolderError  # noqa: PLC0415
    from kuadrant.standalone.loading import MistakesError  # noqa: PLC0415

    try:
        yield
    except MistakesError as error:
        complain_of_mistakes(error.problems, output)
        sys.exit(2)
    except (RequestError, FolderError) as error:
        complain(str(error), output)
        sys.exit(2)


@contextmanager
def known_dialect(output: str) -> Iterator[None]:
    """End the process with 2 if this build does not write what the module reads."""
    from kuadrant.dialects import UnknownDialectError  # noqa: PLC0415

    try:
        yield
    except UnknownDialectError as error:
        complain(str(error), output)
        sys.exit(2)
