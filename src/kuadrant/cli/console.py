"""`kuadrant console`: the console of a cluster, on this machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kuadrant.cli.cluster import Namespace
from kuadrant.cli.output import complain
from kuadrant.cli.paths import ModulesFolder
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode
from kuadrant.settings import Port
from kuadrant.wasm.catalogue import current


def console(
    *,
    port: Port = 9900,
    only: Annotated[str, Parameter(metavar="NAMESPACE")] = "",
    namespace: Namespace = "kuadrant-system",
    kubeconfig: Path | None = None,
    failure_mode: Annotated[
        FailureMode, Parameter(env_var="RATELIMIT_SERVICE_FAILURE_MODE")
    ] = DEFAULT_FAILURE_MODE,
    modules: ModulesFolder = None,
) -> int:
    """Show what goes on in a cluster, on a page of this machine: http://127.0.0.1:9900.

    Nothing is installed in the cluster, and nothing is written there. The page shows what the user of the
    kubeconfig may see: it takes the rights to list and watch Gateways, their classes, routes,
    RateLimitPolicies, Kuadrants and Namespaces, and for calls, counters, decisions and modules the rights to
    list pods and to get pods/proxy in the namespace of the operator. Who may not list the policies of all
    namespaces sees those of the namespace of his context. Ctrl-C ends it.

    Exit code: 0 after Ctrl-C, 1 when the cluster cannot be asked or no port can be had, 2 for wrong usage.

    Args:
        port: The port of the page; where it is taken, the next free one is.
        only: Only this namespace.
        namespace: The namespace of the operator and of the rate limit service.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
        failure_mode: What happens to a request for which an expression has no value: deny is 500.
        modules: A folder of fetched modules; the current one of them is what gateways run.
    """
    from kuadrant import log, tasks  # noqa: PLC0415
    from kuadrant.cluster_console import ConsoleOptions, run  # noqa: PLC0415
    from kuadrant.dialects import UnknownDialectError  # noqa: PLC0415
    from kuadrant.kube.client import ConfigurationError, RequestError  # noqa: PLC0415

    log.configure("error", "development")
    module = current(modules)
    options = ConsoleOptions(port, namespace, only, kubeconfig, module, failure_mode)

    async def ended() -> int:
        try:
            return await run(options, partial(print, flush=True))
        except (ConfigurationError, RequestError, UnknownDialectError, OSError) as error:
            complain(str(error), "text")
            return 1

    return tasks.run(ended())
