"""Shows a person that the gateways are up: addresses, rules, limits, and commands to try."""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING

from kuadrant.explanation.short_text import WIDTH
from kuadrant.policy.hostnames import EVERY_HOSTNAME
from kuadrant.topology import limit_words, limits_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.compiler import RuleOrigin, RulesOf
    from kuadrant.compiler.program import GatewayProgram, ListenerProgram, RuleProgram
    from kuadrant.gateways.envoy import Address, ListenerKey

_RULES = 20
_EXAMPLES = 4


def summary(
    programs: Iterable[GatewayProgram], addresses: Mapping[ListenerKey, Address], rules_of: RulesOf
) -> str:
    """Return the text for all listeners that are served.

    ``addresses`` tells where, ``rules_of`` which limits a rule is under.
    """
    parts = []
    for program in programs:
        for listener in program.listeners:
            address = addresses.get((f"{program.namespace}/{program.name}", listener.port))
            if address is not None:
                parts.append(_listener(program, listener, address, rules_of))
    return (
        "\n\n".join(parts)
        or "Nothing is served: there is no Gateway with a listener of HTTP, or of HTTPS with a certificate."
    )


def _listener(program: GatewayProgram, listener: ListenerProgram, address: Address, rules_of: RulesOf) -> str:
    names = ", ".join(listener.names)
    origins: dict[int, RuleOrigin] = {}
    url = f"{listener.protocol.lower()}://{address}"
    lines = [f"Gateway {program.namespace}/{program.name}, listener {names}: {url}"]
    rules = [(host.hostname, rule) for host in listener.hosts for rule in host.rules]
    for host in listener.hosts[:_RULES]:
        of = rules_of(f"{program.namespace}/{program.name}", listener.port, host.hostname)
        origins.update((id(rule), origin) for rule, origin in of)
    for hostname, rule in rules[:_RULES]:
        lines += _rule(hostname, rule, origins.get(id(rule)))
    if len(rules) > _RULES:
        lines.append(f"  ... and {len(rules) - _RULES} rules more; kuadrant translate -o shim shows all")
    if rules:
        curl = _tls_curl if listener.protocol == "HTTPS" else _plain_curl
        commands = (curl(hostname, rule, address) for hostname, rule in rules[:_EXAMPLES])
        lines += ["  Try:", *(f"    {command}" for command in dict.fromkeys(commands))]
    else:
        lines.append("  no route")
    return "\n".join(lines)


def _rule(hostname: str, rule: RuleProgram, origin: RuleOrigin | None) -> Iterator[str]:
    limits = limits_of([(rule, origin)]) if origin else ()
    yield f"  {hostname} {_match(rule)}{'' if limits else ': not limited'}"
    for limit in limits:
        yield from textwrap.wrap(
            f"{limit_words(limit)} ({limit.policy})",
            WIDTH,
            initial_indent="    ",
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )


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


def _plain_curl(hostname: str, rule: RuleProgram, address: Address) -> str:
    host = [] if hostname == EVERY_HOSTNAME else ["-H", f"Host: {_some_host(hostname)}"]
    return _curl(["-i"], host, rule, f"http://{address}")


def _tls_curl(hostname: str, rule: RuleProgram, address: Address) -> str:
    """TLS asks for the host of the URL, so that has to be the route's."""
    if hostname == EVERY_HOSTNAME:
        return _curl(["-ik"], [], rule, f"https://{address}")
    host = _some_host(hostname)
    where = ["--connect-to", f"{host}:{address.port}:{address}"]
    return _curl(["-ik"], where, rule, f"https://{host}:{address.port}")


def _some_host(hostname: str) -> str:
    return hostname.replace("*", "any", 1)


def _curl(options: list[str], where: list[str], rule: RuleProgram, url: str) -> str:
    match = rule.match
    path = "/" if match.path is None or match.path.type == "regex" else match.path.value
    query = "&".join(f"{parameter.name}={parameter.value}" for parameter in match.query)
    command = ["curl", *options]
    if match.method not in (None, "GET"):
        command += ["-X", str(match.method)]
    command += where
    for header in match.headers:
        command += ["-H", f"{header.name}: {header.value}"]
    command.append(f"{url}{path}" + (f"?{query}" if query else ""))
    return shlex.join(command)
