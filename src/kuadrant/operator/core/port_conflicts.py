"""Gives a host name the same rules on all ports of a gateway that cannot be told its ports apart.

Routes, or policies of listeners, may limit a host name differently on each port. Where the module is not
told the port and a plugin cannot be for one, that cannot be carried out. Who brought the difference gets
nothing new; everybody else gets what is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from kuadrant.compiler.program import Action, GatewayProgram, HostProgram, LimitAction, RuleProgram
from kuadrant.compiler.route_piece import actions_of
from kuadrant.gateways.plugin_tables import common_hosts, host_of, is_limited, mean_the_same
from kuadrant.operator.core.configuration_shares import as_before, asked_limits, namespace_of, own_policies
from kuadrant.operator.core.room_seniority import KEPT_BACK, Seniority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kuadrant.policy.match import RequestMatch

_Rules = tuple[RuleProgram, ...]
_Place = tuple[str, "RequestMatch"]


class OnePort(Struct, frozen=True):
    """Holds a program whose ports agree on every host name.

    Attributes:
        asked: what was wanted.
        program: what can be carried out.
        held: the routes that brought a difference, by host name.
        withheld: the host name for each policy of which not all is carried out.
        widened: the host name for each policy that holds on more ports than it is for.
    """

    asked: GatewayProgram
    program: GatewayProgram
    held: Mapping[str, frozenset[str]] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)
    widened: Mapping[str, str] = field(default_factory=dict)

    def words(self, reason: str) -> dict[str, str]:
        """Return what is to be said of policies, if the ports cannot be told apart for that reason."""
        return {
            **{policy: _on_all_ports(hostname, reason) for policy, hostname in self.widened.items()},
            **{policy: _not_apart(hostname, reason) for policy, hostname in self.withheld.items()},
        }


def _on_all_ports(hostname: str, reason: str) -> str:
    return (
        f"policies of listeners limit {hostname} in different ways on the ports of the gateway, and these "
        f"cannot be told apart: {reason}; the limits of each of them hold on all of these ports"
    )


def _not_apart(hostname: str, reason: str) -> str:
    return (
        f"with this policy and its routes the ports of the gateway would limit {hostname} in different ways, "
        f"and they cannot be told apart: {reason}; {KEPT_BACK} there has no limits of this policy; "
        "attach its routes to the same ports as the others of the host name, give them a host name of their "
        "own, or have the gateway's owner see to the ports"
    )


class PortConflicts:
    """Settles what the ports of one gateway differ in, and remembers what was settled.

    What the gateway has been told stays before what is new. Of the first program nothing is known from
    before: those come last whose status says that they brought a difference, then those without limits of
    their own, then the youngest.
    """

    def __init__(self) -> None:
        self._former: OnePort | None = None

    def keep(self, told: OnePort) -> None:
        """Remember what the gateway is told."""
        self._former = told

    def settled(self, program: GatewayProgram, seniority: Callable[[], Seniority]) -> OnePort:
        """Return the program with the same rules for a host name on all ports."""
        held: dict[str, frozenset[str]] = {}
        withheld: dict[str, str] = {}
        widened: dict[str, str] = {}
        rank = seniority() if self._former is None else Seniority()
        given = _by_hostname(None if self._former is None else self._former.program)

        def settle(hostname: str, ports: Mapping[int, HostProgram]) -> _Rules:
            made = _Settlement(hostname, ports, given.get(hostname, ()))
            order = sorted(made.routes, key=lambda route: self._rank(hostname, made, route, rank))
            made.take(order)
            held[hostname] = frozenset(made.held)
            rules = made.rules()
            withheld.update({policy: hostname for policy in made.withheld if policy not in withheld})
            widened.update({policy: hostname for policy in made.widened if policy not in widened})
            return rules

        hosts = common_hosts(program, settle) or ()
        if not held:
            return OnePort(program, program)
        made = replace(
            program, listeners=tuple(replace(listener, hosts=hosts) for listener in program.listeners)
        )
        told = None if self._former is None else self._former.program
        return OnePort(program, replace(made, limits=asked_limits(made, told)), held, withheld, widened)

    def _rank(
        self, hostname: str, made: _Settlement, route: str, seniority: Seniority
    ) -> tuple[bool, bool, bool, str, str]:
        own = {one for rules in made.routes[route].values() for rule in rules for one in own_policies(rule)}
        was_held, changed = False, False
        if self._former is not None:
            was_held = route in self._former.held.get(hostname, ())
            changed = was_held or not made.is_as_in(self._former.asked, route)
        is_late = was_held or not seniority.late.isdisjoint(own)
        return (changed, is_late, not own, seniority.created.get(route, ""), route)


class _Settlement:
    """Settles one host name.

    Attributes:
        routes: the rules of each route on each port.
        held: the routes that are held back.
        withheld: the policies of which not all is carried out.
        widened: the policies of listeners that hold on all ports.
    """

    def __init__(self, hostname: str, ports: Mapping[int, HostProgram], given: _Rules) -> None:
        self._hostname = hostname
        self._ports = ports
        self._given = given
        self._before = {(rule.route, rule.match): rule for rule in reversed(given)}
        self.routes: dict[str, dict[int, _Rules]] = {}
        for port, host in ports.items():
            for rule in host.rules:
                of_port = self.routes.setdefault(rule.route, {})
                of_port[port] = (*of_port.get(port, ()), rule)
        self._taken: dict[str, Mapping[int, _Rules]] = {}
        self._limiting: frozenset[int] = frozenset()
        self.held: list[str] = []
        self.withheld: set[str] = set()
        self.widened: set[str] = set()

    def is_as_in(self, program: GatewayProgram, route: str) -> bool:
        """Tell whether a route is on each port as it was in a program."""
        for listener in program.listeners:
            host = host_of(self._hostname, {one.hostname: one for one in listener.hosts})
            was = tuple(rule for rule in host.rules if rule.route == route) if host is not None else ()
            if not mean_the_same(was, self.routes[route].get(listener.port, ())):
                return False
        return self.routes[route].keys() <= {listener.port for listener in program.listeners}

    def take(self, order: Sequence[str]) -> None:
        """Take one route after the other, each as far as those before it allow."""
        for route in order:
            wanted = self.routes[route]
            if not self._fits(route, wanted):
                common, widened = self._common(wanted)
                if common and self._fits(route, common):
                    self.widened |= widened
                else:
                    self.held.append(route)

    def _fits(self, route: str, rules: Mapping[int, _Rules]) -> bool:
        """Take a route if the ports that limit the host name agree with it."""
        limiting = self._limiting | {port for port, own in rules.items() if is_limited(own)}
        looked_at = [rules] if limiting == self._limiting else [*self._taken.values(), rules]
        if not all(_is_same_on(limiting, one) for one in looked_at):
            return False
        self._limiting = limiting
        self._taken[route] = rules
        return True

    def _common(self, wanted: Mapping[int, _Rules]) -> tuple[Mapping[int, _Rules], set[str]]:
        """Return a route's rules with the limits of all its ports, and the policies that are on some only.

        These are the policies of listeners. Nothing if the ports have not even the same rules.
        """
        first, *others = wanted.values()
        matches = [rule.match for rule in first]
        if any([rule.match for rule in rules] != matches for rules in others):
            return {}, set()
        made: list[RuleProgram] = []
        widened: set[str] = set()
        for index, rule in enumerate(first):
            of_ports = [_limits_of(rules[index]) for rules in wanted.values()]
            limits = {key: limit for one in of_ports for key, limit in one.items()}
            for key, limit in limits.items():
                if any(key not in one for one in of_ports):
                    widened.update(limit.sources)
            made.append(replace(rule, actions=_actions(limits)))
        return dict.fromkeys(wanted, tuple(made)), widened

    def rules(self) -> _Rules:
        """Return the rules for all ports.

        Those of routes that are held back are as they were. What is new of them comes after all others: it
        takes no request from these, and has the limits that are not of its own namespace.
        """
        port = min(self._limiting, default=next(iter(self._ports)))
        made = [
            rule
            for rule, route in _in_order(self._ports[port].rules, self._taken, port)
            if route in self._taken
        ]
        orders = [[(one.route, one.match) for one in host.rules] for host in self._ports.values()]
        orders.append([(one.route, one.match) for one in self._given])
        new: list[RuleProgram] = []
        for route in self.held:
            wanted: dict[_Place, RuleProgram] = {}
            for rules in self.routes[route].values():
                for rule in rules:
                    wanted.setdefault((rule.route, rule.match), rule)
            self.withheld.update(one for rule in wanted.values() for one in own_policies(rule))
            namespace = namespace_of(route)
            for place, before in self._before.items():
                if place[0] == route:
                    rule = wanted.pop(place, before)
                    actions = as_before(namespace, rule.actions, before.actions)
                    _insert(made, replace(rule, actions=actions), orders)
            new += (replace(rule, actions=as_before(namespace, rule.actions, ())) for rule in wanted.values())
        return (*made, *new)


def _in_order(
    rules: _Rules, taken: Mapping[str, Mapping[int, _Rules]], port: int
) -> Iterable[tuple[RuleProgram, str]]:
    """Yield the rules of a port in their order, as they were taken."""
    left = {route: iter(of_port.get(port, ())) for route, of_port in taken.items()}
    for rule in rules:
        yield (next(left[rule.route]) if rule.route in left else rule), rule.route


def _insert(made: list[RuleProgram], rule: RuleProgram, orders: Iterable[Sequence[_Place]]) -> None:
    """Put a rule before the first of ``made`` that comes after it in one of ``orders``, else at the end."""
    there = {(one.route, one.match): index for index, one in reversed([*enumerate(made)])}
    place = (rule.route, rule.match)
    for order in orders:
        if place in order:
            behind = order[order.index(place) + 1 :]
            found = [there[one] for one in behind if one in there]
            if found:
                made.insert(min(found), rule)
                return
    made.append(rule)


def _is_same_on(ports: Iterable[int], rules: Mapping[int, _Rules]) -> bool:
    there = [rules.get(port, ()) for port in ports]
    return all(mean_the_same(there[0], other) for other in there[1:])


def _limits_of(rule: RuleProgram) -> dict[tuple[str, str], LimitAction]:
    return {(action.scope, limit.key): limit for action in rule.actions for limit in action.limits}


def _actions(limits: Mapping[tuple[str, str], LimitAction]) -> tuple[Action, ...]:
    return actions_of((scope, limits[scope, key]) for scope, key in sorted(limits))


def _by_hostname(program: GatewayProgram | None) -> dict[str, _Rules]:
    """Return the rules that a program has for each host name, on the first port that limits it."""
    found: dict[str, _Rules] = {}
    for listener in program.listeners if program is not None else ():
        for host in listener.hosts:
            if host.hostname not in found or (
                is_limited(host.rules) and not is_limited(found[host.hostname])
            ):
                found[host.hostname] = host.rules
    return found
