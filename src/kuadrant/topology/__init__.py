"""Tells what hangs on what, and where policies attach: one record, which text, graphs and JSON show."""

from kuadrant.topology.changes import RouteChanges, changes
from kuadrant.topology.graph import dot, mermaid
from kuadrant.topology.record import LimitNode, PolicyNode, RuleNode, Topology
from kuadrant.topology.rule_limits import limits_of
from kuadrant.topology.text import text
from kuadrant.topology.topology_of_objects import topology
from kuadrant.topology.words import limit_words

__all__ = [
    "LimitNode",
    "PolicyNode",
    "RouteChanges",
    "RuleNode",
    "Topology",
    "changes",
    "dot",
    "limit_words",
    "limits_of",
    "mermaid",
    "text",
    "topology",
]
