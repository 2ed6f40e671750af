"""Shows a person that the gateways are up: addresses, rules, limits, and commands to try."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.limitador import Limit
    from kuadrant.compiler.program import GatewayProgram, ListenerProgram, RuleProgram
    from kuadrant.gateways.envoy import Address, ListenerKey

_RULES = 20
_EXAMPLES = 4


def summary(programs: Iterable[GatewayProgram], addresses: Mapping[ListenerKey, Address]) -> str:
    """Return the text for all listeners that are served; ``addresses`` tells where."""
    parts = []
    for program in programs:
        for listener in program.listeners:
            address = addresses.get((f"{program.namespace}/{program.name}", listener.port))
            if address is not None:
                parts.append(_listener(program, listener, address))
    return "\n\n".join(parts) or "Nothing is served: there is no Gateway with a listener of protocol HTTP."


def _listener(program: GatewayProgram, listener: ListenerProgram, address: Address) -> str:
    names = ", ".join(listener.names)
    lines = [f"Gateway {program.namespace}/{program.name}, listener {names}: http://{address}"]
    rules = [(host.hostname, rule) for host in listener.hosts for rule in host.rules]
    for hostname, rule in rules[:_RULES]:
        limits = _limits(rule, program.limits)
        lines.append(f"  {hostname} {_match(rule)}: {limits or 'not limited'}")
    if len(rules) > _RULES:
        lines.append(f"  ... and {len(rules) - _RULES} rules more; kuadrant translate -o shim shows all")
    if rules:
        commands = (_curl(hostname, rule, address) for hostname, rule in rules[:_EXAMPLES])
        lines += ["  Try:", *(f"    {command}" for command in dict.fromkeys(commands))]
    else:
        lines.append("  no route")
    return "\n".join(lines)


def _match(rule: RuleProgram) -> str:
    match = rule.match
    path = match.path
    parts = [match.method or "any method"]
    if path is None or (path.type == "prefix" and path.value == "/"):
        parts.append("any path")
    elif path.type == "prefix":
        parts.append(f"{path.value}, {path.value}/...")
    else:
        parts.append(path.value if path.type == "exact" else f"~ {path.value}")
    parts += [f"{header.name}: {header.value}" for header in match.headers]
    parts += [f"?{parameter.name}={parameter.value}" for parameter in match.query]
    return " ".join(parts)


def _limits(rule: RuleProgram, limits: Iterable[Limit]) -> str:
    wanted = {(action.scope, limit.key): limit.sources for action in rule.actions for limit in action.limits}
    shown = []
    for (scope, key), sources in wanted.items():
        rates = [
            f"{limit.max_value} in {_duration(limit.seconds)}"
            for limit in limits
            if limit.namespace == scope and any(f'"{key}"' in condition for condition in limit.conditions)
        ]
        shown.append(f"{' and '.join(rates)} ({', '.join(sources)})")
    return "; ".join(shown)


def _duration(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _curl(hostname: str, rule: RuleProgram, address: Address) -> str:
    match = rule.match
    path = "/" if match.path is None or match.path.type == "regex" else match.path.value
    query = "&".join(f"{parameter.name}={parameter.value}" for parameter in match.query)
    command = ["curl", "-i"]
    if match.method not in (None, "GET"):
        command += ["-X", str(match.method)]
    if hostname != "*":
        command += ["-H", f"Host: {hostname.replace('*', 'any', 1)}"]
    for header in match.headers:
        command += ["-H", f"{header.name}: {header.value}"]
    command.append(f"http://{address}{path}" + (f"?{query}" if query else ""))
    return shlex.join(command)
