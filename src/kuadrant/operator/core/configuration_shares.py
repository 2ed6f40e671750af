"""Bounds what each namespace may take of a gateway's configuration.

Who asks for too much gets no more, and all others get theirs. A route has its limits again for each host name
and each match, so a policy and a route of a few kilobytes may become a hundred megabytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import astuple, replace

from kuadrant.compiler.program import Action, GatewayProgram, HostProgram, LimitAction, RuleProgram
from kuadrant.compiler.route_piece import actions_of
from kuadrant.incremental import OfEach
from kuadrant.operator.core.room_seniority import KEPT_BACK
from kuadrant.operator.core.staged_program import asked_for, asks, rules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from kuadrant.api.limitador import Limit
    from kuadrant.operator.core.room_seniority import Seniority
    from kuadrant.policy.match import RequestMatch

MOST_TEXT: Final = 4 << 20
"""Characters of conditions, counters, names and matches of a namespace's rules at one gateway.

1,000 limited routes have a tenth of it.
"""
_OF_PATTERN: Final = 16
"""So many times a character of a regular expression weighs more than another.

The module has it compiled for each request, which takes some 18 times what a gateway takes for it alone
(2,048 of 300 characters: 180 ms).
"""
NO_ROOM: Final = (
    "the limits of this namespace's routes, again for each of their host names and matches, "
    f"are more than there is room for; {KEPT_BACK} has no limits of this namespace"
)
"""What is said of a policy that there is no room for."""
_OF_LIMIT: Final = 64
"""A limit, a condition, a counter or a match takes this besides."""


class Parted(Struct, frozen=True):
    """Holds a program that fits into a gateway.

    Attributes:
        program: what fits.
        withheld: the policies (namespace/name) of which it has only what was in effect before.
    """

    program: GatewayProgram
    withheld: frozenset[str] = frozenset()


class GatewayParts:
    """Keeps the programs of one gateway, one after the other, within the room there is.

    The rules of a namespace that has too much stay as they were. What is new of them has the limits of
    others, such as the Gateway's own policy, and if even that is too much they are not there. Of the first
    program nothing is known from before: as many routes of such a namespace as there is room for have their
    limits, the smallest first.
    """

    def __init__(self, most_text: int = MOST_TEXT) -> None:
        self._most_text = most_text
        self._former: GatewayProgram | None = None
        self._sizes = OfEach[HostProgram, "Mapping[str, int]"](_sizes)

    def bounded(self, program: GatewayProgram) -> Parted:
        """Return the program without what is too much to be looked at."""
        over = self._too_large(program)
        if not over:
            return Parted(program)
        made = self._without(program, over)
        # What is too much even without limits is not there.
        if still := self._too_large(made.program) & over:
            made = self._without(program, over, dropped=still)
        return made

    def fitted(
        self,
        program: GatewayProgram,
        size: Callable[[GatewayProgram], int],
        fits: Callable[[GatewayProgram], bool],
        seniority: Seniority,
    ) -> Parted:
        """Make a program fit by leaving out what is new of the namespaces that would take the most.

        Where nothing is known from before, the limits of as few routes as possible are left out.

        Args:
            program: a program that does not fit.
            size: tells how much a program takes.
            fits: tells whether a program fits.
            seniority: tells whose limits had no room before; these go first.
        """
        sizes = {namespace: size(_only(program, namespace)) for namespace in _namespaces(program)}
        late = {rule.route for rule in rules_of(program) if not seniority.late.isdisjoint(own_policies(rule))}
        are_late = {namespace_of(route) for route in late}
        order = sorted(sizes, key=lambda name: (name not in are_late, -sizes[name], name))
        for drop in (False, True):

            def without(routes: Collection[str], *, drop: bool = drop) -> Parted:
                return self._without(program, routes, dropped=routes if drop else ())

            over: list[str] = []
            for namespace in order:
                own = {rule.route for rule in rules_of(program) if namespace_of(rule.route) == namespace}
                before, over = len(over), [*over, *self._largest_first(program, own, late)]
                made = without(over)
                if fits(made.program):
                    return made if self._former is not None else _with_fewest(over, before, without, fits)
        return Parted(program)

    def _largest_first(self, program: GatewayProgram, routes: Collection[str], late: set[str]) -> list[str]:
        """Return routes in the order in which they lose their limits, where nothing is known from before."""
        sizes = dict.fromkeys(routes, 0)
        for listener in program.listeners:
            for host in listener.hosts:
                for route, taken in self._sizes(host).items():
                    if route in sizes:
                        sizes[route] += taken
        return sorted(routes, key=lambda route: (route not in late, -sizes[route], route))

    def keep(self, program: GatewayProgram) -> None:
        """Remember what the gateway is told."""
        self._former = program

    def _too_large(self, program: GatewayProgram) -> set[str]:
        """Return the routes whose rules are to stay as they were."""
        namespaces: dict[str, dict[str, int]] = {}
        for listener in program.listeners:
            for host in listener.hosts:
                for route, size in self._sizes(host).items():
                    routes = namespaces.setdefault(namespace_of(route), {})
                    routes[route] = routes.get(route, 0) + size
        over: set[str] = set()
        for routes in namespaces.values():
            if sum(routes.values()) > self._most_text:
                over |= routes.keys() if self._former is not None else _beyond(routes, self._most_text)
        return over

    def _without(
        self, program: GatewayProgram, over: Collection[str], *, dropped: Collection[str] = ()
    ) -> Parted:
        former = _rules(self._former)
        # Rules of a route share their actions: what is made of them is made once.
        made: dict[tuple[int, ...], tuple[Action, ...]] = {}
        withheld: set[str] = set()

        def kept_back(rule: RuleProgram, before: RuleProgram | None) -> RuleProgram:
            old = before.actions if before is not None else ()
            key = (*map(id, rule.actions), 0, *map(id, old))
            if key not in made:
                made[key] = as_before(namespace_of(rule.route), rule.actions, old)
                if made[key] != rule.actions:
                    withheld.update(own_policies(rule))
            return rule if made[key] == rule.actions else replace(rule, actions=made[key])

        def hosts(port: int, hosts: tuple[HostProgram, ...]) -> Iterator[HostProgram]:
            for host in hosts:
                rules = []
                for rule in host.rules:
                    before = former.get((port, host.hostname, rule.route, rule.match))
                    if rule.route not in over:
                        rules.append(rule)
                    elif rule.route not in dropped or before is not None:
                        rules.append(kept_back(rule, before))
                    else:
                        withheld.update(own_policies(rule))
                yield host if rules == [*host.rules] else HostProgram(host.hostname, tuple(rules))

        listeners = tuple(
            replace(listener, hosts=tuple(hosts(listener.port, listener.hosts)))
            for listener in program.listeners
        )
        cut = replace(program, listeners=listeners)
        return Parted(replace(cut, limits=asked_limits(cut, self._former)), frozenset(withheld))


def as_before(namespace: str, wanted: tuple[Action, ...], before: tuple[Action, ...]) -> tuple[Action, ...]:
    """Return a rule's limits: those of a namespace's own policies as before, those of others as wanted."""
    limits: dict[str, dict[str, LimitAction]] = {}
    for actions, is_own in ((wanted, False), (before, True)):
        for action in actions:
            for limit in action.limits:
                if all(source.startswith(f"{namespace}/") for source in limit.sources) is is_own:
                    limits.setdefault(action.scope, {}).setdefault(limit.key, limit)
    made = actions_of(
        (scope, limits[scope][key]) for scope in sorted(limits) for key in sorted(limits[scope])
    )
    return wanted if made == wanted else made


def asked_limits(program: GatewayProgram, former: GatewayProgram | None) -> tuple[Limit, ...]:
    """Return the limits that the program asks for, former ones that nobody wants any more included."""
    asked = frozenset(what for rule in rules_of(program) for what, _ in asks(rule))
    wanted = tuple(one for one in program.limits if not asked.isdisjoint(asked_for([one])))
    there = asked_for(wanted)
    old = former.limits if former is not None else ()
    return (*wanted, *(one for one in old if not (asked - there).isdisjoint(asked_for([one]))))


_Place = tuple[int, str, str, object]


def _rules(program: GatewayProgram | None) -> dict[_Place, RuleProgram]:
    """Return the rules of a program by their places."""
    return {
        (listener.port, host.hostname, rule.route, rule.match): rule
        for listener in (program.listeners if program is not None else ())
        for host in listener.hosts
        for rule in reversed(host.rules)
    }


def namespace_of(route: str) -> str:
    """Return the namespace of a route."""
    return route.partition("/")[0]


def _with_fewest(
    over: Sequence[str],
    least: int,
    without: Callable[[Sequence[str]], Parted],
    fits: Callable[[GatewayProgram], bool],
) -> Parted:
    """Return what fits without the fewest of ``over``; without all of them it does."""
    most = len(over)
    while least < most:
        middle = (least + most) // 2
        least, most = (least, middle) if fits(without(over[:middle]).program) else (middle + 1, most)
    return without(over[:most])


def _beyond(routes: Mapping[str, int], room: int) -> set[str]:
    """Return the routes that there is no room for, if the smallest come first."""
    found: set[str] = set()
    for route in sorted(routes, key=lambda name: (routes[name], name)):
        room -= routes[route]
        if room < 0:
            found.add(route)
    return found


def _namespaces(program: GatewayProgram) -> frozenset[str]:
    return frozenset(namespace_of(rule.route) for rule in rules_of(program))


def own_policies(rule: RuleProgram) -> Iterator[str]:
    """Yield the policies of a rule that are in the namespace of its route."""
    sources = (source for action in rule.actions for limit in action.limits for source in limit.sources)
    return (source for source in sources if source.startswith(f"{namespace_of(rule.route)}/"))


def _only(program: GatewayProgram, namespace: str) -> GatewayProgram:
    """Return the program as if there were no other namespace."""
    return replace(
        program,
        listeners=tuple(
            replace(
                listener,
                hosts=tuple(
                    HostProgram(host.hostname, rules)
                    for host in listener.hosts
                    if (rules := tuple(rule for rule in host.rules if namespace_of(rule.route) == namespace))
                ),
            )
            for listener in program.listeners
        ),
    )


def _sizes(host: HostProgram) -> Mapping[str, int]:
    """Estimate how many characters the rules of a host have, by their routes."""
    found: dict[str, int] = {}
    of_actions: dict[int, int] = {}
    for rule in host.rules:
        size = _characters(rule.match) + _OF_PATTERN * sum(map(len, _patterns(rule.match)))
        for action in rule.actions:
            if id(action) not in of_actions:
                of_actions[id(action)] = sum(map(_of_limit, action.limits))
            size += of_actions[id(action)]
        found[rule.route] = found.get(rule.route, 0) + size
    return found


def _patterns(match: RequestMatch) -> Iterator[str]:
    """Yield the regular expressions of a match."""
    parts = (match.path, *match.headers, *match.query)
    return (part.value for part in parts if part is not None and part.type == "regex")


def _of_limit(limit: LimitAction) -> int:
    return _OF_LIMIT + len(limit.key) + sum(map(_characters, (*limit.when, *limit.evaluated)))


def _characters(part: object) -> int:
    """Count the characters of the texts in a match, a condition or a counter."""
    if isinstance(part, str):
        return len(part)
    if isinstance(part, tuple):
        return sum(map(_characters, part))
    return _OF_LIMIT + sum(map(_characters, astuple(part))) if isinstance(part, Struct) else 0
