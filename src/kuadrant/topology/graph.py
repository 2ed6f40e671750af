"""A topology as a graph: what is under several listeners is one node there, with an edge from each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from kuadrant.topology.words import limit_words, listener_words, policy_words, route_words, rule_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.topology.record import PolicyNode, RouteNode, Topology

_Shape = Literal["object", "policy", "limit"]


class _Node(Struct, frozen=True, gc=False):
    words: str
    shape: _Shape
    is_idle: bool = False


class _Graph:
    """Nodes by what they are, in the order in which they were first met, and edges between their numbers."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[str, ...], _Node] = {}
        self.edges: dict[tuple[int, int], None] = {}
        self._numbers: dict[tuple[str, ...], int] = {}

    def add(self, key: tuple[str, ...], node: _Node, above: int | None) -> int:
        number = self._numbers.setdefault(key, len(self._numbers))
        self.nodes.setdefault(key, node)
        if above is not None:
            self.edges.setdefault((above, number))
        return number


def _graph(topology: Topology) -> _Graph:
    graph = _Graph()
    for one in topology.classes:
        of_class = graph.add(("class", one.name), _Node(f"GatewayClass {one.name}", "object"), None)
        for gateway in one.gateways:
            key = gateway.gateway
            number = graph.add(("Gateway", key), _Node(f"Gateway {key}", "object"), of_class)
            _policies(graph, gateway.policies, number)
            for listener in gateway.listeners:
                words = listener_words(listener)
                below = graph.add(("listener", key, listener.name), _Node(words, "object"), number)
                _policies(graph, listener.policies, below)
                for route in listener.routes:
                    _route(graph, route, below)
    for idle in topology.idle_routes:
        node = _Node(f"{idle.kind} {idle.route}", "object", is_idle=True)
        _policies(graph, idle.policies, graph.add((idle.kind, idle.route), node, None))
    _policies(graph, topology.idle_policies, None)
    return graph


def _route(graph: _Graph, route: RouteNode, above: int) -> None:
    number = graph.add((route.kind, route.route), _Node(route_words(route), "object"), above)
    _policies(graph, route.policies, number)
    for rule in route.rules:
        key = ("rule", route.kind, route.route, rule.name)
        below = graph.add(key, _Node(rule_words(rule), "object"), number)
        _policies(graph, rule.policies, below)
        for limit in rule.limits:
            words = f"limit {limit_words(limit)}"
            graph.add((*key, limit.policy, limit.name), _Node(words, "limit"), below)


def _policies(graph: _Graph, policies: Iterable[PolicyNode], above: int | None) -> None:
    for policy in policies:
        node = _Node(policy_words(policy), "policy", is_idle=policy.state != "in effect")
        graph.add(("RateLimitPolicy", policy.policy), node, above)


_DOT: Final[dict[_Shape, str]] = {
    "object": "shape=box",
    "policy": "shape=note",
    "limit": "shape=plaintext",
}


def dot(topology: Topology) -> str:
    """Return it for Graphviz."""
    graph = _graph(topology)
    lines = ["digraph topology {", "  rankdir=LR;"]
    for number, node in enumerate(graph.nodes.values()):
        words = node.words.replace("\\", "\\\\").replace('"', '\\"')
        style = ", style=dashed" if node.is_idle else ""
        lines.append(f'  n{number} [label="{words}", {_DOT[node.shape]}{style}];')
    lines += (f"  n{above} -> n{below};" for above, below in graph.edges)
    return "\n".join([*lines, "}"])


_MERMAID: Final[dict[_Shape, tuple[str, str]]] = {
    "object": ("[", "]"),
    "policy": ("([", "])"),
    "limit": (">", "]"),
}


def mermaid(topology: Topology) -> str:
    """Return it for Mermaid, as Markdown of forges has it."""
    graph = _graph(topology)
    lines = ["flowchart LR"]
    for number, node in enumerate(graph.nodes.values()):
        begin, end = _MERMAID[node.shape]
        lines.append(f'  n{number}{begin}"{_entities(node.words)}"{end}{":::idle" if node.is_idle else ""}')
    lines += (f"  n{above} --> n{below}" for above, below in graph.edges)
    return "\n".join([*lines, "  classDef idle stroke-dasharray: 4"])


def _entities(words: str) -> str:
    """Return a text in which nothing has a meaning of its own to Mermaid, Markdown or HTML."""
    return "".join(one if one.isalnum() or one in " .,:/_-=()" else f"#{ord(one)};" for one in words)
