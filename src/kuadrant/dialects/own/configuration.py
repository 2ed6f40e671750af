"""The configuration of the project's own shim, version 1 (``wasm-shim/CONFIGURATION.md``)."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from kuadrant.api.limit_mode import EVERYBODY
from kuadrant.api.regular_expression import without_nul
from kuadrant.compiler.program import HostProgram, RuleProgram
from kuadrant.dialects.own.answers import Answer, answer
from kuadrant.dialects.relevance import is_relevant, relevant_rules
from kuadrant.expressions.programs import predicate as predicate_program
from kuadrant.expressions.programs import value as value_program
from kuadrant.incremental import OfEach
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter, SelectorCondition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kuadrant.api.limitador import Limit
    from kuadrant.api.response import Response
    from kuadrant.compiler.program import Action, LimitAction
    from kuadrant.dialects.service import Service
    from kuadrant.policy.condition import Cost, Counter, PolicyCondition
    from kuadrant.policy.identity_source import IdentitySource
    from kuadrant.policy.match import PathMatch, StringMatch

VERSION = 1
_RATE_LIMIT = "ratelimit"
_HERE = "here"
_UNPRINTABLE = re.compile(r"[^ -~]")


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


class _Programmed(Struct, frozen=True, gc=False):
    program: str


class _Entry(Struct, frozen=True, gc=False, omit_defaults=True):
    key: str
    value: str | None = None
    selector: str | None = None
    expression: str | None = None
    program: str | None = None


class _Record(Struct, frozen=True, gc=False, omit_defaults=True):
    policies: tuple[str, ...]
    when: tuple[str, ...] = ()


class _Identity(Struct, frozen=True, gc=False, omit_defaults=True):
    jwt: str | None = None
    header: str | None = None
    certificate: str | None = None


class _Cost(Struct, frozen=True, gc=False, omit_defaults=True):
    expression: str | None = None
    program: str | None = None


class _Signal(Struct, frozen=True, gc=False):
    name: str
    value: str


class _Rate(Struct, frozen=True, gc=False):
    limit: int
    seconds: int


class _Here(Struct, frozen=True, gc=False, omit_defaults=True):
    rates: tuple[_Rate, ...]
    name: str = ""
    percent: int = EVERYBODY


class _Limit(Struct, frozen=True, gc=False, omit_defaults=True):
    entries: tuple[_Entry, ...]
    identity: _Identity | None = None
    when: tuple[_Selected | _Expressed | _Programmed, ...] = ()
    record: _Record | None = None
    shadow: bool = False
    cost: _Cost | None = None
    signal: tuple[_Signal, ...] = ()
    fallback: str | None = None
    here: _Here | None = None


class _Action(Struct, frozen=True, gc=False):
    service: str
    scope: str
    limits: tuple[_Limit, ...]


class _Response(Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    headers: str | None = None
    retry_after: bool = True
    preflights: str = "Exempt"
    over_limit: Answer | None = None


class _Rule(Struct, frozen=True, gc=False, omit_defaults=True):
    name: str
    path: _Path | None = None
    method: str | None = None
    headers: tuple[_Named, ...] = ()
    query: tuple[_Named, ...] = ()
    actions: tuple[_Action, ...] = ()
    route: str | None = None
    response: _Response | None = None


class _Form(Struct, frozen=True, gc=False):
    """What is written beside the rules: programs in the place of expressions, and names for records."""

    programs: bool = False
    records: bool = False


_PLAIN = _Form()
_PROGRAMS = _Form(programs=True)
_RECORDS = _Form(programs=True, records=True)


def render(hosts: Iterable[HostProgram], service: Service) -> bytes:
    """Return the JSON text for the hosts of one listener; the same hosts in any order give the same bytes.

    What cannot change any request's actions is left out, so that the text grows with what is limited and not
    with what is served.
    """
    return Renderer(service).render(hosts)


class Renderer:
    """Renders again and again, for one service, as :func:`render` does.

    What is rendered of hosts and rules is kept while they live.

    It is the same for every service, so that one for each gateway costs no more than one for all. With
    ``programs`` expressions are what the module evaluates by itself, where it can, and what
    decision records are made of where ``service`` asks for them.
    """

    def __init__(self, service: Service, *, programs: bool = False) -> None:
        records = programs and service.decision_records == "left"
        named = programs and service.decision_records is not UNSET
        form = _RECORDS if named else _PROGRAMS if programs else _PLAIN
        self._text_of_host = _HOST_TEXTS[form]
        self._head = b'{"version":%d,%s"services":{"%s":%s' % (
            VERSION,
            (b'"decisionRecords":true,' if records else b"") + _explain_key(service, programs=programs),
            _RATE_LIMIT.encode(),
            msgspec.json.encode(_asked(service, programs=programs)),
        )
        # Named where it is asked only, so that nothing changes for who has no such limits.
        here = {"here": True, "failureMode": service.failure_mode}
        self._here = b',"%s":%s' % (_HERE.encode(), msgspec.json.encode(here))

    def render(self, hosts: Iterable[HostProgram]) -> bytes:
        """Return the JSON text for the hosts of one listener."""
        hosts = sorted(hosts, key=_hostname)
        rules = dict(zip(map(_hostname, hosts), map(_relevant_rules, hosts), strict=True))
        relevant = [host for host in hosts if is_relevant(host.hostname, rules)]
        here = self._here if any(map(_counts_here, relevant)) else b""
        return b'%s%s},"hosts":[%s]}' % (self._head, here, b",".join(map(self._text_of_host, relevant)))


def _asked(service: Service, *, programs: bool) -> Service:
    """Return what is said of the service itself; what knows programs knows all of it."""
    remembers = service.remember_denials if programs else UNSET
    return replace(service, decision_records=UNSET, explain_key=UNSET, remember_denials=remembers)


def _explain_key(service: Service, *, programs: bool) -> bytes:
    if not programs or service.explain_key is UNSET:
        return b""
    return b'"explainKey":%s,' % msgspec.json.encode(service.explain_key)


_hostname = attrgetter("hostname")


_relevant_rules = OfEach[HostProgram, tuple[RuleProgram, ...]](lambda host: relevant_rules(host.rules))


_counts_here = OfEach[HostProgram, bool](
    lambda host: any(action.is_counted_here for rule in host.rules for action in rule.actions)
)


def _host_texts(rule_text: Callable[[RuleProgram], bytes]) -> OfEach[HostProgram, bytes]:
    def text(host: HostProgram) -> bytes:
        rules = b",".join(map(rule_text, _relevant_rules(host)))
        return b'{"hostname":%s,"rules":[%s]}' % (msgspec.json.encode(host.hostname), rules)

    return OfEach[HostProgram, bytes](text)


def _rule_texts(form: _Form) -> OfEach[RuleProgram, bytes]:
    return OfEach[RuleProgram, bytes](lambda rule: msgspec.json.encode(_rule(rule, form)))


_HOST_TEXTS = {form: _host_texts(_rule_texts(form)) for form in (_PLAIN, _PROGRAMS, _RECORDS)}


def _rule(rule: RuleProgram, form: _Form) -> _Rule:
    match = rule.match
    return _Rule(
        name=rule.name,
        path=_Path(match.path.type, _text(match.path)) if match.path else None,
        method=match.method,
        headers=tuple(_named(header) for header in match.headers),
        query=tuple(_named(parameter) for parameter in match.query),
        actions=tuple(_action(action, form) for action in rule.actions),
        route=rule.route if form.records and rule.actions else None,
        # What knows programs knows this.
        response=_response(rule.response) if form.programs else None,
    )


def _response(response: Response) -> _Response | None:
    preflights = response.preflights or "Exempt"
    over = response.over_limit
    said = _Response(
        response.headers, response.retry_after is not False, preflights, answer(over) if over else None
    )
    return None if said == _Response() else said


def _named(match: StringMatch) -> _Named:
    return _Named(match.name, match.type, _text(match))


def _text(match: PathMatch | StringMatch) -> str:
    # Some engines end a pattern at a NUL; gateways do not.
    return without_nul(match.value) if match.type == "regex" else match.value


def _action(action: Action, form: _Form) -> _Action:
    limits = tuple(_limit(limit, form) for limit in action.limits)
    return _Action(_HERE if action.is_counted_here else _RATE_LIMIT, action.scope, limits)


def _limit(limit: LimitAction, form: _Form) -> _Limit:
    counters = (_entry(counter, programs=form.programs) for counter in limit.counters)
    return _Limit(
        entries=(_Entry(limit.key, value="1"), *counters),
        when=tuple(_condition(condition, programs=form.programs) for condition in limit.when),
        record=_Record(limit.sources, tuple(one.text for one in limit.when)) if form.records else None,
        identity=_identity(limit.identity) if limit.identity else None,
        shadow=not limit.refuses and not limit.signals and form.programs,
        cost=_cost(limit.cost, programs=form.programs) if limit.cost else None,
        signal=tuple(_Signal(*one) for one in limit.signals) if form.programs else (),
        fallback=limit.fallback if form.programs else None,
        here=_here(limit.counted) if limit.counted else None,
    )


def _here(counted: Sequence[Limit]) -> _Here:
    first = counted[0]
    rates = tuple(_Rate(max(one.max_value, 0), one.seconds) for one in counted)
    return _Here(rates, _UNPRINTABLE.sub("?", first.name), first.percent or EVERYBODY)


def _cost(cost: Cost, *, programs: bool) -> _Cost:
    if programs and (program := value_program(cost.hits)) is not None:
        return _Cost(program=program)
    return _Cost(expression=cost.hits)


def _identity(source: IdentitySource) -> _Identity:
    match source.kind:
        case "jwt":
            return _Identity(jwt=source.name)
        case "header":
            return _Identity(header=source.name)
        case "mtls":
            return _Identity(certificate="peer")


def _entry(counter: Counter, *, programs: bool) -> _Entry:
    if not isinstance(counter, ExpressionCounter):
        return _Entry(counter.selector, selector=counter.selector)
    if programs and (program := value_program(counter.expression)) is not None:
        return _Entry(counter.expression, program=program)
    return _Entry(counter.expression, expression=counter.expression)


def _condition(condition: PolicyCondition, *, programs: bool) -> _Selected | _Expressed | _Programmed:
    if isinstance(condition, ExpressionCondition):
        if programs and (program := predicate_program(condition.expression)) is not None:
            return _Programmed(program)
        return _Expressed(condition.expression)
    assert isinstance(condition, SelectorCondition)
    return _Selected(condition.selector, condition.operator, condition.value)
