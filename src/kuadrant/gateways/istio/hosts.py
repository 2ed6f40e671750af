"""Tables of hosts for the plugins of a gateway: one for all ports where that is right, or else one for each port.

A plugin is not told a request's port. Istio gives a plugin for some ports to those alone, but only if it is told the ports of
the pods, so one plugin for all is what is less likely to go wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.compiler.program import HostProgram
from kuadrant.policy.hostnames import EVERY_HOSTNAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.compiler.program import Action, GatewayProgram, RuleProgram
    from kuadrant.policy.match import RequestMatch

    _Content = tuple[tuple[RequestMatch, tuple[Action, ...]], ...]


class Table(Struct, frozen=True, gc=False):
    """The hosts that one plugin knows, and the Gateway's port that it is for; without ``port`` it is for all of them."""

    hosts: tuple[HostProgram, ...]
    port: int | None = None


def tables(program: GatewayProgram) -> tuple[Table, ...]:
    """Return tables that limit every request at least as its port does; none if nothing is limited.

    Where ports serve a host name with the same limits, or only one of them limits it, there is one table: its limits hold on
    all of these ports, which is more than was asked for on one without limits, such as one that redirects to HTTPS.
    """
    limiting = [
        Table(listener.hosts, listener.port)
        for listener in program.listeners
        if any(_is_limited(host.rules) for host in listener.hosts)
    ]
    if not limiting:
        return ()
    common = _of_all_ports(program)
    return tuple(limiting) if common is None else (Table(common),)


def _of_all_ports(program: GatewayProgram) -> tuple[HostProgram, ...] | None:
    """The hosts for all ports, in lexicographic order; None if two of them limit a host name in different ways."""
    ports = [{host.hostname: host.rules for host in listener.hosts} for listener in program.listeners]
    hosts: list[HostProgram] = []
    for hostname in sorted({hostname for port in ports for hostname in port}):
        serving = [rules for port in ports if (rules := _rules(hostname, port)) is not None]
        limiting = {_content(rules): rules for rules in serving if _is_limited(rules)}
        if len(limiting) > 1:
            return None
        hosts.append(HostProgram(hostname, next(iter(limiting.values()), serving[0])))
    return tuple(hosts)


def _is_limited(rules: Iterable[RuleProgram]) -> bool:
    return any(rule.actions for rule in rules)


def _rules(hostname: str, port: Mapping[str, tuple[RuleProgram, ...]]) -> tuple[RuleProgram, ...] | None:
    """The rules that a port has for requests to ``hostname``; None if it does not serve them."""
    return next((port[owner] for owner in _owners(hostname) if owner in port), None)


def _owners(hostname: str) -> Iterator[str]:
    """Yield the host names that contain ``hostname``, the most specific first."""
    yield hostname
    _, dot, suffix = hostname.removeprefix("*.").partition(".")
    while dot:
        yield f"*.{suffix}"
        _, dot, suffix = suffix.partition(".")
    yield EVERY_HOSTNAME


def _content(rules: Iterable[RuleProgram]) -> _Content:
    """What rules mean for the shim; their names tell listeners apart and nothing else."""
    return tuple((rule.match, rule.actions) for rule in rules)
