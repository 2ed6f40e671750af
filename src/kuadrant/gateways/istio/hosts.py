"""One table of hosts for all ports of a gateway: the plugin of an Istio gateway is not told a request's port."""

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


class Hosts(Struct, frozen=True, gc=False):
    """The hosts, in lexicographic order, and those that ports limit in different ways, so that no table is right."""

    hosts: tuple[HostProgram, ...]
    conflicts: tuple[str, ...] = ()


def hosts_of_all_ports(program: GatewayProgram) -> Hosts:
    """Return one table that limits every request at least as its port does.

    Where ports serve a host name with the same limits, or only one of them limits it, the limits hold on all of them: more
    than was asked for on a port without limits, such as one that redirects to HTTPS, but never less.
    """
    ports = [{host.hostname: host.rules for host in listener.hosts} for listener in program.listeners]
    hosts: list[HostProgram] = []
    conflicts: list[str] = []
    for hostname in sorted({hostname for port in ports for hostname in port}):
        serving = [rules for port in ports if (rules := _rules(hostname, port)) is not None]
        limiting = {_content(rules): rules for rules in serving if is_limited(rules)}
        if len(limiting) > 1:
            conflicts.append(hostname)
        hosts.append(HostProgram(hostname, next(iter(limiting.values()), serving[0])))
    return Hosts(tuple(hosts), tuple(conflicts))


def is_limited(rules: Iterable[RuleProgram]) -> bool:
    """Whether any of ``rules`` asks the rate limit service."""
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
