"""A small world in one file, and what becomes of requests in it."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import Any

from kuadrant.explanation import ClientRequest, Configuration, Explanation
from kuadrant.standalone.folder_files import File
from kuadrant.standalone.loading import configured
from kuadrant.wasm.catalogue import current

WORLD = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: any
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: toys}
spec:
  parentRefs: [{name: gw}]
  hostnames: [toys.x]
  rules:
  - matches: [{method: POST, path: {value: /toys}}]
    backendRefs: [{name: toys, port: 80}]
  - matches: [{path: {value: /toys}}]
    backendRefs: [{name: toys, port: 80}]
---
"""


def policy(limits: str, *, name: str = "p", target: str = "HTTPRoute, name: toys", spec: str = "") -> str:
    """A policy of v1 with the ``limits``, in a document of its own."""
    return (
        f"apiVersion: kuadrant.io/v1\nkind: RateLimitPolicy\nmetadata: {{name: {name}}}\nspec:\n"
        f"  targetRef: {{group: gateway.networking.k8s.io, kind: {target}}}\n"
        + indent(dedent(spec), "  ")
        + "  limits:\n"
        + indent(dedent(limits).strip(), "    ")
        + "\n---\n"
    )


def configuration(*policies: str, world: str = WORLD, failure_mode: Any = "deny") -> Configuration:
    return configured([File("all.yaml", world + "".join(policies))], current(None), failure_mode)


def asked(
    *policies: str,
    world: str = WORLD,
    failure_mode: Any = "deny",
    url: str = "http://toys.x/toys",
    times: int = 1,
    after: float = 0.0,
    show_values: bool = False,
    **request: Any,
) -> Explanation:
    """What becomes of one request, by default a GET of the toys."""
    return (
        configuration(*policies, world=world, failure_mode=failure_mode)
        .explain(ClientRequest(url=url, **request), times=times, after=after, show_values=show_values)
        .explanation
    )
