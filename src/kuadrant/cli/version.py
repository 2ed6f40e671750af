"""`kuadrant version`: tells what this is, which module it carries, and what runs in a cluster."""

from __future__ import annotations

from pathlib import Path

from kuadrant import __version__
from kuadrant.cli.cluster import Namespace, ask_cluster
from kuadrant.cli.output import Output, write
from kuadrant.wasm.catalogue import carried


def version(
    *,
    cluster: bool = False,
    namespace: Namespace = "kuadrant-system",
    kubeconfig: Path | None = None,
    output: Output = "text",
) -> int:
    """Tell the version of this command, the module that it carries and, with --cluster, what runs there.

    In a cluster the pods of the namespace and the operator that leads are asked: it takes the rights to list
    pods and to get pods/proxy. What a gateway that pulls its module runs, only `kuadrant status` finds out.

    Exit code: 0, or 1 when the cluster cannot be asked.

    Args:
        cluster: Tell what runs in the cluster, too.
        namespace: The operator's namespace.
        kubeconfig: The kubeconfig to use; without it KUBECONFIG, the pod's service account or ~/.kube/config.
        output: text for people, json for programs.
    """
    module = carried(None)[0]
    told = {
        "client": __version__,
        "module": {
            "name": module.name,
            "version": module.version,
            "sha256": module.sha256,
            "dialects": list(module.dialects),
        },
    }
    lines = [
        f"kuadrant:   {__version__}",
        f"module:     {module.name} {module.version} ({', '.join(module.dialects)})",
        f"  sha256    {module.sha256}",
    ]
    if cluster:
        from msgspec import to_builtins  # noqa: PLC0415

        from kuadrant.operator_client.installed import installed, installed_text  # noqa: PLC0415

        found = ask_cluster(kubeconfig, lambda client: installed(client, namespace), output)
        told["cluster"] = to_builtins(found)
        lines.append(installed_text(found))
    write(told, "\n".join(lines), output)
    return 0
