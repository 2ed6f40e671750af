"""Tells what runs in a cluster, for `kuadrant version --cluster`."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.operator_client.pods import OURS, ask_replicas, pods
from kuadrant.operator_client.status_report import PATH
from kuadrant.status import Report

if TYPE_CHECKING:
    import httpx2

_ROLES: Final = {"controller-manager": "operator", "ratelimit": "rate limit service"}


class InstalledPod(Struct, frozen=True):
    """A running pod of ours: what it is there for, and its image."""

    role: str
    pod: str
    image: str


class RunningModule(Struct, frozen=True):
    """A module (SHA-256; empty if it is not known) that so many gateway pods run."""

    sha256: str
    pods: int


class Installed(Struct, frozen=True):
    """Holds what runs in a cluster.

    Attributes:
        namespace: Where it was looked for.
        version: The version of the operator that leads; empty if none says it.
        pods: Our running pods.
        modules: The modules of the pods of limited gateways, by what they have said or fetched.
        problems: Why something is not known.
    """

    namespace: str
    version: str
    pods: tuple[InstalledPod, ...]
    modules: tuple[RunningModule, ...]
    problems: tuple[str, ...]


async def installed(client: httpx2.AsyncClient, namespace: str) -> Installed:
    """Ask the cluster what of us runs in a namespace.

    Raises:
        RequestError: The API server does not tell which pods there are.
    """
    ours, answers = await asyncio.gather(
        pods(client, namespace, OURS), ask_replicas(client, namespace, PATH, Report)
    )
    problems = [one for one in answers if isinstance(one, str)]
    report = next((one for one in answers if not isinstance(one, str) and one.leads), None)
    if report is None and not problems:
        problems = [f"no replica of the operator in {namespace} leads"]
    return Installed(
        namespace=namespace,
        version="" if report is None else report.version,
        pods=tuple(
            InstalledPod(role, pod.metadata.name, container.image)
            for pod in ours
            if pod.is_running and (role := _ROLES.get(pod.metadata.labels.get("control-plane", "")))
            for container in pod.spec.containers[:1]
        ),
        modules=() if report is None else _modules(report),
        problems=tuple(problems),
    )


def _modules(report: Report) -> tuple[RunningModule, ...]:
    running = {
        line.pod: "" if line.running is None else line.running.sha256
        for gateway in report.gateways
        if gateway.limited
        for line in gateway.pods
    }
    return tuple(RunningModule(sha256, count) for sha256, count in sorted(Counter(running.values()).items()))


def installed_text(installed: Installed) -> str:
    """Return it for a person."""
    lines = [f"operator:   {installed.version or 'its version is not known'}, in {installed.namespace}"]
    lines += [f"  {one.role} {one.pod}\n    image {one.image}" for one in installed.pods]
    lines += [
        f"gateways:   {one.pods} {'pod' if one.pods == 1 else 'pods'} with "
        + (f"the module of sha256\n            {one.sha256}" if one.sha256 else "a module that is not known")
        for one in installed.modules
    ]
    lines += [f"not known:  {problem}" for problem in installed.problems]
    return "\n".join(lines)
