"""The policies whose clients do not get the headers that they ask for: the service does not send them."""

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


def _forms(host: HostProgram) -> Iterator[tuple[str, str]]:
    for rule in host.rules:
        if rule.response.headers in HEADERS:
            for action in rule.actions:
                for limit in action.limits:
                    yield from ((policy, str(rule.response.headers)) for policy in limit.sources)


_asked = OfEach[HostProgram, tuple[tuple[str, str], ...]](lambda host: tuple(sorted({*_forms(host)})))
