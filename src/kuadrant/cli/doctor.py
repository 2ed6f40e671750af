"""`kuadrant doctor`: says what keeps an installation from working, or would."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import httpx2
from cyclopts import Parameter
from msgspec import to_builtins

from kuadrant.cli.cluster import Namespace
from kuadrant.cli.output import Output, complain, painter, write
from kuadrant.doctor import Facts, Finding, examined
from kuadrant.kube.client import ConfigurationError, RequestError

_STYLES = {"error": "bad", "warning": "doubtful", "note": "place"}


def doctor(
    *,
    namespace: Namespace = "kuadrant-system",
    envoy_gateway_namespace: Annotated[str, Parameter(env_var="ENVOY_GATEWAY_NAMESPACE")] = (
        "envoy-gateway-system"
    ),
    kubeconfig: Path | None = None,
    output: Output = "text",
) -> int:
    """Look at a cluster, before or after an installation, and say what is wrong and what helps.

    Nothing is written, and what may not be read is named. The codes are explained in docs/doctor.md.

    Exit code: 0 when nothing is in the way (there may be warnings), 1 when something is, 2 when the cluster
    cannot be asked.

    Args:
        namespace: The operator's namespace.
        envoy_gateway_namespace: Where Envoy Gateway is installed.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
        output: text for people, json for programs.
    """
    import asyncio  # noqa: PLC0415

    from kuadrant.doctor.reading import read  # noqa: PLC0415
    from kuadrant.kube.client import find_access  # noqa: PLC0415

    async def asked() -> Facts:
        async with find_access(str(kubeconfig) if kubeconfig else None).connect() as client:
            return await read(client, namespace, envoy_gateway_namespace)

    try:
        facts = asyncio.run(asked())
    except (ConfigurationError, RequestError, httpx2.HTTPError) as error:
        complain(str(error), output)
        return 2
    findings = examined(facts)
    told = {"installed": facts.is_installed, "findings": [to_builtins(one) for one in findings]}
    write(told, text(findings, is_installed=facts.is_installed), output)
    return 1 if any(one.severity == "error" for one in findings) else 0


def text(findings: tuple[Finding, ...], *, is_installed: bool) -> str:
    """Return what was found for people."""
    paint = painter(sys.stdout)
    lines: list[str] = []
    for one in findings:
        lines += [
            f"{paint(_STYLES[one.severity], one.severity)}: {one.message} ({one.code})",
            f"    {one.do}",
        ]
    errors = sum(one.severity == "error" for one in findings)
    state = "installed" if is_installed else "not installed"
    if not findings:
        lines.append(f"Kuadrant is {state}, and nothing was found that is wrong.")
    else:
        rest = len(findings) - errors
        lines.append(
            f"Kuadrant is {state}; {errors} in the way, {rest} besides. docs/doctor.md explains each."
        )
    return "\n".join(lines)
