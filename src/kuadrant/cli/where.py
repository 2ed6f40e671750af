"""Reads the objects that a command asks about, from a folder or a cluster."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kuadrant.cli.output import complain
from kuadrant.cli.paths import ModulesFolder, is_given
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode
from kuadrant.wasm.catalogue import current

if TYPE_CHECKING:
    from kuadrant.explanation import Configuration
    from kuadrant.wasm.module import Module


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
        """Return what is at ``path`` or in the cluster; ends the process if that cannot be asked.

        Raises:
            RequestError: There is nothing at ``path``.
            FolderError: It cannot be read.
            MistakesError: It has mistakes.
        """
        from kuadrant.dialects import UnknownDialectError  # noqa: PLC0415

        module = current(self.modules)
        try:
            return self._of_cluster(module, output) if self.cluster else self._of_path(path, module)
        except UnknownDialectError as error:
            complain(str(error), output)
            sys.exit(1)

    def _of_cluster(self, module: Module, output: str) -> Configuration:
        from kuadrant.cli.cluster import ask_cluster  # noqa: PLC0415
        from kuadrant.operator.cluster_configuration import configured, read_cluster  # noqa: PLC0415

        return configured(ask_cluster(self.kubeconfig, read_cluster, output), module, self.failure_mode)

    def _of_path(self, path: str, module: Module) -> Configuration:
        from kuadrant.explanation import RequestError  # noqa: PLC0415
        from kuadrant.standalone.folder_files import read_given  # noqa: PLC0415
        from kuadrant.standalone.loading import configured  # noqa: PLC0415

        try:
            is_given(None, path)
        except ValueError as error:
            raise RequestError(str(error)) from None
        return configured(read_given(path), module, self.failure_mode)
