"""`kuadrant status`: shows what gateways run and what is said of policies."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Literal

import httpx2
from msgspec import to_builtins

from kuadrant.cli.cluster import Namespace, ask_cluster
from kuadrant.cli.interrupts import until_interrupted
from kuadrant.cli.output import Output, write
from kuadrant.operator_client.status_report import status_report
from kuadrant.status import Report, report_text
from kuadrant.status import chosen as chosen_part

_WATCH_SECONDS = 0.5


def status(
    what: Literal["gateway", "policy"] | None = None,
    name: str = "",
    /,
    *,
    watch: bool = False,
    namespace: Namespace = "kuadrant-system",
    kubeconfig: Path | None = None,
    output: Output = "text",
) -> int:
    """Show which module and configuration gateway pods run, how that is known, and what is said of policies.

    The replica of the operator that leads is asked, through the API server: it takes the rights to list pods
    and to get pods/proxy.

    Exit code: 0, or 1 when the operator cannot be asked, or when nothing of that name is known.

    Args:
        what: Only gateways or only policies (with the gateways that they are about).
        name: Only the one of this name ([namespace/]name).
        watch: Show it anew whenever it changes, until Ctrl-C.
        namespace: The operator's namespace.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
        output: text for people, json for programs.
    """

    async def show(client: httpx2.AsyncClient) -> int:
        last: Report | None = None
        while True:
            report = chosen_part(await status_report(client, namespace, time.time), what, name)
            if report != last:
                write(to_builtins(report), report_text(report, time.time()), output)
                sys.stdout.flush()
            last = report
            if not watch:
                return 1 if name and not (report.gateways or report.policies) else 0
            await asyncio.sleep(_WATCH_SECONDS)

    if not watch:
        return ask_cluster(kubeconfig, show, output)
    with until_interrupted():
        return ask_cluster(kubeconfig, show, output)
    return 0
