"""The policies whose clients are not told of limits as it is asked for: the service or the module cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuadrant.api.response import HEADERS, READS
from kuadrant.compiler.program import HostProgram
from kuadrant.incremental import OfEach

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kuadrant.api.limitador import Limitador
    from kuadrant.compiler.program import GatewayProgram

_DRAFT: Final = "DRAFT_VERSION_03"
_WORDS: Final = (
    "the rate limit service that runs does not send the headers {form}, as Limitador does not: requests are "
    "limited and clients are not told of it so until `kuadrant ratelimit` of this version serves, or the "
    "headers are {others}"
)

_OF_MODULE: Final = (
    "{module} cannot do what the Gateway or the Kuadrant asks for ({asked} of response): requests are "
    "limited, and clients are answered as that module always does until ours serves, or it is no longer "
    "asked for"
)


def sends(own: Limitador | None, reads: frozenset[str]) -> frozenset[str]:
    """Return the forms that the service of a Limitador sends; ``reads`` is what it says that it reads."""
    if own is None or READS in reads:
        return frozenset(HEADERS)
    return frozenset({"Draft03"} if own.spec.rate_limit_headers == _DRAFT else ())


def words(sent: frozenset[str], programs: Iterable[GatewayProgram]) -> Mapping[str, str]:
    """Return what is to be said of each policy (namespace/name) with a form that is not ``sent``."""
    others = "Draft03 or None" if sent else "None"
    return {
        policy: _WORDS.format(form=form, others=others)
        for program in programs
        for listener in program.listeners
        for host in listener.hosts
        for policy, form in _asked(host)
        if form not in sent
    }


def words_of_module(module: str, responds: bool, programs: Iterable[GatewayProgram]) -> Mapping[str, str]:
    """Return what is to be said of each policy (namespace/name) whose module cannot answer as it is told.

    What a policy says itself is not among it: with such a module it is not accepted.

    Args:
        module: the name of the module that gateways run.
        responds: it can be told how to answer.
        programs: what gateways are to do.
    """
    if responds:
        return {}
    found: dict[str, set[str]] = {}
    for program in programs:
        for listener in program.listeners:
            for host in listener.hosts:
                for policy, name in _defaults(host):
                    found.setdefault(policy, set()).add(name)
    return {
        policy: _OF_MODULE.format(module=module, asked=", ".join(sorted(asked)))
        for policy, asked in found.items()
    }


def _said(host: HostProgram) -> Iterator[tuple[str, str]]:
    for rule in host.rules:
        response = rule.response
        asked = (
            ("headers", response.headers is not None),
            ("retryAfter", response.retry_after is False),
            ("overLimit", response.over_limit is not None),
            ("preflights", response.preflights == "Exempt"),
        )
        for action in rule.actions:
            for limit in action.limits:
                yield from (
                    (policy, name) for policy in limit.sources for name, is_asked in asked if is_asked
                )


_defaults = OfEach[HostProgram, tuple[tuple[str, str], ...]](lambda host: tuple(sorted({*_said(host)})))


def _forms(host: HostProgram) -> Iterator[tuple[str, str]]:
    for rule in host.rules:
        if rule.response.headers in HEADERS:
            for action in rule.actions:
                for limit in action.limits:
                    yield from ((policy, str(rule.response.headers)) for policy in limit.sources)


_asked = OfEach[HostProgram, tuple[tuple[str, str], ...]](lambda host: tuple(sorted({*_forms(host)})))
