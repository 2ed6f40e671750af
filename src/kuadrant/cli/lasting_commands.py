"""The commands that go on until they are ended: `kuadrant run`, `kuadrant ratelimit` and `kuadrant operator`.

What serves takes a quarter of a second to import, so that only the commands that serve do it: the others are
for people who wait.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kuadrant import log, tasks
from kuadrant.cli.paths import FolderOrFile, is_folder
from kuadrant.cli.standalone import needs_envoy
from kuadrant.settings import OperatorSettings, RatelimitSettings, RunSettings

_RUN = RunSettings()
_RATELIMIT = RatelimitSettings()


def run(path: FolderOrFile, /, *, options: RunSettings = _RUN) -> int:
    """Run the Gateways of a folder of YAML on a real Envoy, with every policy enforced.

    The folder holds what a cluster would: Gateways, HTTPRoutes, Services, RateLimitPolicies. A change of a
    file is live as soon as it is saved; a change with a mistake is reported, and what ran before goes on.
    Ctrl-C ends everything.

    Exit code: 0 after Ctrl-C or SIGTERM, 1 when the folder has mistakes at the start or a port is taken, 2
    for wrong usage.

    Args:
        path: The folder to read, with all folders below it (*.yaml, *.yml, *.json), or a file.
        options: What can be set.
    """
    try:
        is_folder(Path, options.modules)
    except ValueError as error:
        print(f"kuadrant: --modules: {error}", file=sys.stderr)
        return 2
    if options.access_log is not None and not options.access_log.absolute().parent.is_dir():
        print(f"kuadrant: --access-log: {options.access_log.parent} is no folder", file=sys.stderr)
        return 2
    with needs_envoy("kuadrant run"):
        from kuadrant.standalone import run as standalone  # noqa: PLC0415
    log.configure(options.log_level, options.log_mode)
    return tasks.run(standalone.run(path, options))


def ratelimit(*, options: RatelimitSettings = _RATELIMIT) -> int:
    """Serve a Limitador resource's limits to the gateways of a cluster, in place of the limitador-operator.

    A change of the resource holds as soon as it is heard of. The last good limits stay when the resource gets
    wrong ones, is deleted, or the API server is away; before the first ones nothing is answered. Counters are
    in memory, where each process counts by itself, or in the Redis that the resource's spec.storage names,
    where all count together.

    Exit code: 0 after SIGTERM or Ctrl-C, 1 when a port is taken or no way to the API server is known, 2 for
    wrong usage.
    """
    from kuadrant import ratelimit_follower  # noqa: PLC0415

    log.configure(options.log_level, options.log_mode)
    return tasks.run(ratelimit_follower.run(options))


def operator(*, options: OperatorSettings) -> int:
    """Keep the gateways of a cluster limiting as its policies say, and serve them the module that does it.

    In a pod it uses the service account, elsewhere the current kubeconfig. Several replicas may run: all
    serve modules, one writes.
    """
    from kuadrant.operator import run as cluster  # noqa: PLC0415

    log.configure(options.log_level, options.log_mode)
    return tasks.run(cluster.run(options))
