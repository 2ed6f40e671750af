"""Tells what the chart's values decide about in a NetworkPolicy of config/.

A policy is marked before it is written as YAML, and the marks become templates afterwards. A rule whose list
of ports is empty is left out, since to Kubernetes it would mean every port.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

import yaml

from scripts.installation import CONFIG, dumped

if TYPE_CHECKING:
    from collections.abc import Mapping

_VALUES = ".Values.networkPolicies"
_CALLERS, _GATEWAYS = "CALLERS", "GATEWAYS"
_PORTS = {"apiServerPorts": "API_SERVER_PORTS", "storePorts": "STORE_PORTS"}
_CALLED, _REACHED = "grpc", {"wasm-shim", "push"}
_API_SERVER, _STORE = 443, 6379


def ports(policies: Mapping[str, dict[str, Any]]) -> dict[str, list[int]]:
    """The values that are ports as config/ has them, by their names; ``policies`` are by name."""
    egress = policies["kuadrant-ratelimit"]["spec"]["egress"]
    return {
        "apiServerPorts": next(_numbers(rule) for rule in egress if _API_SERVER in _numbers(rule)),
        "storePorts": next(_numbers(rule) for rule in egress if _STORE in _numbers(rule)),
    }


def marked(policy: dict[str, Any]) -> dict[str, Any]:
    """The policy with a mark wherever a value decides."""
    spec = policy["spec"]
    ingress = [_marked_ingress(rule) for rule in spec["ingress"]]
    egress = [_marked_egress(rule) for rule in spec["egress"]]
    return {**policy, "spec": {**spec, "ingress": ingress, "egress": egress}}


def _marked_ingress(rule: dict[str, Any]) -> dict[str, Any]:
    names = {port["port"] for port in rule["ports"]}
    if _CALLED in names:
        return {**rule, "from": [_CALLERS, _GATEWAYS]}
    return {**rule, "from": [*rule["from"], _GATEWAYS]} if names & _REACHED else rule


def _marked_egress(rule: dict[str, Any]) -> dict[str, Any] | str:
    if _API_SERVER in _numbers(rule):
        return _PORTS["apiServerPorts"]
    return _PORTS["storePorts"] if _STORE in _numbers(rule) else rule


def _numbers(rule: dict[str, Any]) -> list[int]:
    return [port["port"] for port in rule["ports"]]


def template(text: str) -> str:
    """The text of a marked policy with a template for each mark, for who wants network policies."""
    blocks = {
        _CALLERS: _callers(),
        _GATEWAYS: (
            f"{{{{- with {_VALUES}.gateways }}}}\n{{{{- toYaml . | nindent INDENT }}}}\n{{{{- end }}}}\n"
        ),
        **{mark: _rule(value) for value, mark in _PORTS.items()},
    }
    for mark, block in blocks.items():
        text = re.sub(
            rf"^( *)- {mark}\n",
            lambda line: textwrap.indent(block.replace("INDENT", str(len(line[1]))), line[1]),  # noqa: B023
            text,
            flags=re.MULTILINE,
        )
    return f"{{{{- if {_VALUES}.enabled }}}}\n{text}{{{{- end }}}}\n"


def _rule(value: str) -> str:
    return (
        f"{{{{- with {_VALUES}.{value} }}}}\n- ports:\n"
        "    {{- range . }}\n    - port: {{ . }}\n      protocol: TCP\n    {{- end }}\n"
        "{{- end }}\n"
    )


def _callers() -> str:
    (change,) = yaml.safe_load((CONFIG / "gateways-only" / "callers.yaml").read_text())
    return (
        f'{{{{- if eq {_VALUES}.callers "gateways" }}}}\n{dumped(change["value"])}'
        f'{{{{- else if eq {_VALUES}.callers "pods" }}}}\n- namespaceSelector: {{}}\n'
        f'{{{{- else }}}}\n{{{{- fail "networkPolicies.callers is pods or gateways" }}}}\n{{{{- end }}}}\n'
    )
