"""The configuration of the project's own shim, version 1 (``wasm-shim/CONFIGURATION.md``)."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from kuadrant.compiler.program import HostProgram, RuleProgram
from kuadrant.dialects.memo import OfEach
from kuadrant.dialects.relevance import is_relevant, relevant_rules
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter, SelectorCondition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuadrant.compiler.program import Action, LimitAction
    from kuadrant.dialects.service import Service
    from kuadrant.policy.condition import Condition, Counter
    from kuadrant.policy.match import StringMatch

VERSION = 1
_RATE_LIMIT = "ratelimit"


class _Path(Struct, frozen=True, gc=False):
    type: str
    value: str


class _Named(Struct, frozen=True, gc=False):
    name: str
    type: str
    value: str


class _Selected(Struct, frozen=True, gc=False):
    selector: str
    operator: str
    value: str


class _Expressed(Struct, frozen=True, gc=False):
    expression: str


class _Entry(Struct, frozen=True, gc=False, omit_defaults=True):
    key: str
    value: str | None = None
    selector: str | None = None
    expression: str | None = None


class _Limit(Struct, frozen=True, gc=False, omit_defaults=True):
    entries: tuple[_Entry, ...]
    when: tuple[_Selected | _Expressed, ...] = ()


class _Action(Struct, frozen=True, gc=False):
    service: str
    scope: str
    limits: tuple[_Limit, ...]


class _Rule(Struct, frozen=True, gc=False, omit_defaults=True):
    name: str
    path: _Path | None = None
    method: str | None = None
    headers: tuple[_Named, ...] = ()
    query: tuple[_Named, ...] = ()
    actions: tuple[_Action, ...] = ()


def render(hosts: Iterable[HostProgram], service: Service) -> bytes:
    """Return the JSON text for the hosts of one listener; the same hosts in any order give the same bytes.

    What cannot change any request's actions is left out, so that the text grows with what is limited and not with what is
    served.
    """
    return Renderer(service).render(hosts)


class Renderer:
    """Renders again and again, for one service, as :func:`render` does; what is rendered of hosts and rules is kept while they live."""

    def __init__(self, service: Service) -> None:
        self._head = b'{"version":%d,"services":{"%s":%s},"hosts":[' % (
            VERSION,
            _RATE_LIMIT.encode(),
            msgspec.json.encode(service),
        )
        self._rules = OfEach[HostProgram, tuple[RuleProgram, ...]](lambda host: relevant_rules(host.rules))
        self._host = OfEach(self._host_text)
        self._rule = OfEach(_rule_text)

    def render(self, hosts: Iterable[HostProgram]) -> bytes:
        """Return the JSON text for the hosts of one listener."""
        hosts = sorted(hosts, key=_hostname)
        rules = dict(zip(map(_hostname, hosts), map(self._rules, hosts), strict=True))
        texts = (self._host(host) for host in hosts if is_relevant(host.hostname, rules))
        return self._head + b",".join(texts) + b"]}"

    def _host_text(self, host: HostProgram) -> bytes:
        rules = b",".join(map(self._rule, self._rules(host)))
        return b'{"hostname":%s,"rules":[%s]}' % (msgspec.json.encode(host.hostname), rules)


_hostname = attrgetter("hostname")


def _rule_text(rule: RuleProgram) -> bytes:
    return msgspec.json.encode(_rule(rule))


def _rule(rule: RuleProgram) -> _Rule:
    match = rule.match
    return _Rule(
        name=rule.name,
        path=_Path(match.path.type, match.path.value) if match.path else None,
        method=match.method,
        headers=tuple(_named(header) for header in match.headers),
        query=tuple(_named(parameter) for parameter in match.query),
        actions=tuple(_action(action) for action in rule.actions),
    )


def _named(match: StringMatch) -> _Named:
    return _Named(match.name, match.type, match.value)


def _action(action: Action) -> _Action:
    return _Action(_RATE_LIMIT, action.scope, tuple(_limit(limit) for limit in action.limits))


def _limit(limit: LimitAction) -> _Limit:
    return _Limit(
        entries=(_Entry(limit.key, value="1"), *(_entry(counter) for counter in limit.counters)),
        when=tuple(_condition(condition) for condition in limit.when),
    )


def _entry(counter: Counter) -> _Entry:
    if isinstance(counter, ExpressionCounter):
        return _Entry(counter.expression, expression=counter.expression)
    return _Entry(counter.selector, selector=counter.selector)


def _condition(condition: Condition) -> _Selected | _Expressed:
    if isinstance(condition, ExpressionCondition):
        return _Expressed(condition.expression)
    assert isinstance(condition, SelectorCondition)
    return _Selected(condition.selector, condition.operator, condition.value)
