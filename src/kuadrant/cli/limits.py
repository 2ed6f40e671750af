"""`kuadrant limits`: shows where counters stand."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from kuadrant.api.counter_page import MOST
from kuadrant.api.problem import printable
from kuadrant.cli.cluster import Namespace, with_namespace
from kuadrant.cli.output import Output, complain, painter, write
from kuadrant.settings import Port

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx2

    from kuadrant.operator_client.counters import Counters


_NAMED: Final = 10
"""So many names of policies are told."""


def limits(
    policy: str = "",
    /,
    *,
    cluster: bool = False,
    port: Port = 8000,
    most: Annotated[int, Parameter(validator=Number(gte=1, lte=MOST))] = 20,
    show_values: bool = False,
    namespace: Namespace = "kuadrant-system",
    kubeconfig: Path | None = None,
    output: Output = "text",
) -> int:
    """Show where counters stand, those that are nearest to their limit first.

    Without --cluster the kuadrant run of the same user on this machine is asked. In a cluster it is the rate
    limit service, through the API server: it takes the rights to list pods and to get pods/proxy, and for
    --show-values to get the Secret kuadrant-ratelimit-key, too.

    Exit code: 0, 1 when nobody can be asked or the policy is not known, 2 for wrong usage.

    Args:
        policy: Only limits of this policy (name, or namespace/name where that is not default).
        cluster: Ask the rate limit service of a cluster.
        port: The --port of the kuadrant run that is asked.
        most: How many counters are shown.
        show_values: Show what is counted by, such as users, which is masked otherwise.
        namespace: The namespace of the rate limit service.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
        output: text for people, json for programs.
    """
    from msgspec import to_builtins  # noqa: PLC0415

    from kuadrant.cli.counter_table import counter_table  # noqa: PLC0415

    name = with_namespace(policy)
    if cluster:
        told = _of_cluster(name, most, namespace, kubeconfig, output, show_values=show_values)
    else:
        told = _of_run(name, most, port, output, show_values=show_values)
    if told is None:
        return 1
    problems = [f"{pod}: {one}" for pod, one in told.pods.items() if isinstance(one, str)]
    if not told.pods or len(problems) == len(told.pods):
        complain("; ".join(problems) or f"no rate limit service of ours runs in {namespace}", output)
        return 1
    for problem in problems:
        print(f"kuadrant: {problem}", file=sys.stderr)
    write(to_builtins(told.pods), counter_table(told.pods, painter(sys.stdout), name), output)
    return 0


def _of_cluster(
    policy: str, most: int, namespace: str, kubeconfig: Path | None, output: Output, *, show_values: bool
) -> Counters | None:
    from kuadrant.cli.cluster import ask_cluster  # noqa: PLC0415
    from kuadrant.operator_client.counters import cluster_counters, policies_instead  # noqa: PLC0415

    async def ask(client: httpx2.AsyncClient) -> Counters | tuple[str, ...]:
        others = await policies_instead(client, policy) if policy else None
        if others is not None:
            return others
        return await cluster_counters(client, namespace, policy, most, now=time.time if show_values else None)

    told = ask_cluster(kubeconfig, ask, output)
    if isinstance(told, tuple):
        _complain_of(policy, told, output)
        return None
    return told


def _of_run(policy: str, most: int, port: int, output: Output, *, show_values: bool) -> Counters | None:
    from kuadrant.operator_client.counters import Counters  # noqa: PLC0415
    from kuadrant.standalone.counter_socket import AwayError, CounterQuestion, ask_run  # noqa: PLC0415

    asked = CounterQuestion(policy=policy, most=most, values=show_values)
    try:
        page = asyncio.run(ask_run(port, asked))
    except AwayError as error:
        complain(str(error), output)
        sys.exit(1)
    if isinstance(page.policies, tuple):
        _complain_of(policy, page.policies, output)
        return None
    return Counters({"kuadrant run": page})


def _complain_of(policy: str, others: Sequence[str], output: Output) -> None:
    """Say that a policy is not known, and which are there."""
    more = len(others) - _NAMED
    names = ", ".join(others[:_NAMED]) or "none"
    there = f"there {'are' if len(others) > 1 else 'is'} {names}" + (f" and {more} more" if more > 0 else "")
    complain(printable(f"no RateLimitPolicy {policy} is known; {there}"), output)
