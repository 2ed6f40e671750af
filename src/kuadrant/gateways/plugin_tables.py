"""Tables of hosts for a gateway's plugins: one for all ports where that is right, else one for each port.

A plugin is not told a request's port. A provider gives a plugin for some ports to those alone, but by other
names for them (Istio wants the ports of the pods, Envoy Gateway the listeners), so one plugin for all is what
is less likely to go wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from kuadrant.compiler.program import HostProgram
from kuadrant.policy.hostnames import EVERY_HOSTNAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from kuadrant.compiler.program import GatewayProgram, RuleProgram


class Table(Struct, frozen=True, gc=False):
    """The hosts that one plugin knows, and the Gateway's port that it is for, or all of them."""

    hosts: tuple[HostProgram, ...]
    port: int | None = None


def tables(program: GatewayProgram) -> tuple[Table, ...]:
    """Return tables that limit every request at least as its port does; none if nothing is limited.

    Where ports serve a host name with the same limits, or only one of them limits it, there is one table: its
    limits hold on all of these ports, which is more than was asked for on one without limits, such as one
    that redirects to HTTPS.
    """
    limiting = [
        Table(listener.hosts, listener.port)
        for listener in program.listeners
        if any(is_limited(host.rules) for host in listener.hosts)
    ]
    if not limiting:
        return ()
    common = common_hosts(program, lambda _hostname, _ports: None)
    return tuple(limiting) if common is None else (Table(common),)


def common_hosts(
    program: GatewayProgram,
    settle: Callable[[str, Mapping[int, HostProgram]], tuple[RuleProgram, ...] | None],
) -> tuple[HostProgram, ...] | None:
    """Return the hosts for all ports, in lexicographic order; None if there cannot be such hosts.

    Args:
        program: what is wanted of each port.
        settle: is given a host name that ports limit in different ways, and what each port has for it;
            returns its rules for all ports, or None if there are none.
    """
    if len(program.listeners) == 1:
        return program.listeners[0].hosts
    ports = {one.port: {host.hostname: host for host in one.hosts} for one in program.listeners}
    hosts: list[HostProgram] = []
    for hostname in sorted({hostname for port in ports.values() for hostname in port}):
        serving = {
            number: host for number, port in ports.items() if (host := host_of(hostname, port)) is not None
        }
        limiting = [host for host in serving.values() if is_limited(host.rules)]
        if any(not mean_the_same(limiting[0].rules, other.rules) for other in limiting[1:]):
            rules = settle(hostname, serving)
            if rules is None:
                return None
            hosts.append(HostProgram(hostname, rules))
            continue
        chosen = limiting[-1] if limiting else next(iter(serving.values()))
        # The same instance where that is right, so that what was made of it can be found again.
        hosts.append(chosen if chosen.hostname == hostname else HostProgram(hostname, chosen.rules))
    return tuple(hosts)


def is_limited(rules: Iterable[RuleProgram]) -> bool:
    """Tell whether any of the rules has a limit."""
    return any(rule.actions for rule in rules)


def host_of(hostname: str, port: Mapping[str, HostProgram]) -> HostProgram | None:
    """Return the host that a port has for requests to ``hostname``; None if it does not serve them."""
    return next((port[owner] for owner in _owners(hostname) if owner in port), None)


def _owners(hostname: str) -> Iterator[str]:
    """Yield the host names that contain ``hostname``, the most specific first."""
    yield hostname
    _, dot, suffix = hostname.removeprefix("*.").partition(".")
    while dot:
        yield f"*.{suffix}"
        _, dot, suffix = suffix.partition(".")
    yield EVERY_HOSTNAME


def mean_the_same(rules: tuple[RuleProgram, ...], others: tuple[RuleProgram, ...]) -> bool:
    """Tell whether they are the same for the shim; their names tell listeners apart and nothing else."""
    return rules is others or (
        len(rules) == len(others)
        and all(
            rule.match == other.match and rule.actions == other.actions
            for rule, other in zip(rules, others, strict=True)
        )
    )
