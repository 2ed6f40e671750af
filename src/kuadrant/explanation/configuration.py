"""Gateways, routes and policies as they are at one moment, to be asked what becomes of requests."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from kuadrant.api.meta import Condition
from kuadrant.api.objects import Objects
from kuadrant.compiler import Compilation
from kuadrant.explanation.claims import claim_keys
from kuadrant.explanation.client_request import (
    ClientRequest,
    authority_of,
    knowledge_of,
    removed_from,
    seen_by_filters,
)
from kuadrant.explanation.decision_trace import Explained, Trace
from kuadrant.explanation.known_services import known_services
from kuadrant.explanation.listener_record import NotServed
from kuadrant.explanation.origins import Origins
from kuadrant.explanation.record import Run
from kuadrant.explanation.request_error import RequestError, quoted
from kuadrant.explanation.request_url import address_of, without_credentials
from kuadrant.explanation.routes_elsewhere import routes_elsewhere
from kuadrant.explanation.token_notes import nobody_note, token_notes
from kuadrant.explanation.unknown_facts import METADATA
from kuadrant.gateways.plugin_tables import tables
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode
from kuadrant.reference_model import Counters, Request, chosen, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.compiler.program import GatewayProgram, ListenerProgram
    from kuadrant.explanation.knowledge import Knowledge
    from kuadrant.explanation.listener_record import TracedListener
    from kuadrant.explanation.record import Explanation, Fact
    from kuadrant.explanation.request_url import Address
    from kuadrant.reference_model import RequestDecision

MOST_TIMES: Final = 10_000
"""So often a request can be repeated at most."""


class Configuration(Struct, frozen=True, gc=False):
    """A compilation, the places where it is written, and how the gateways were told to fail.

    ``served_at`` are ports of this machine by which listeners (gateway and port) can be meant, too. With
    ``own_router`` we configure the whole of Envoy; else a provider does, who may carry out more than we do,
    and may give its filter one table of limits for all ports. ``notes`` go with every answer.
    ``objects`` are what was compiled, ``conditions`` what the statuses of policies (``namespace/name``) say,
    ``not_served`` why listeners (Gateway and name) are not.
    """

    compilation: Compilation
    origins: Origins
    failure_mode: FailureMode = DEFAULT_FAILURE_MODE
    served_at: Mapping[int, tuple[str, int]] = MappingProxyType({})
    own_router: bool = True
    notes: tuple[str, ...] = ()
    objects: Objects = Objects()
    conditions: Mapping[str, tuple[Condition, ...]] = MappingProxyType({})
    not_served: Mapping[tuple[str, str], NotServed] = MappingProxyType({})

    def explain(
        self,
        request: ClientRequest,
        *,
        times: int = 1,
        now: float = 0.0,
        after: float = 0.0,
        counters: Counters | None = None,
        show_values: bool = False,
    ) -> Explained:
        """Return what becomes of ``request``, sent so many ``times``, and why: of the last one.

        All are sent at ``now``, in seconds of any clock, the last one ``after`` so many more. ``counters``
        are those that the rate limit service has before, by default none. Values of headers are masked
        unless ``show_values``.

        Raises:
            RequestError: It is no request that one of the gateways would get.
        """
        if not 1 <= times <= MOST_TIMES:
            raise RequestError(f"times is {times}, it must be from 1 to {MOST_TIMES}")
        address = address_of(request.url)
        program, listener, because = self._meant(request, address)
        seen = seen_by_filters(request, address, listener.port, claim_keys(self.compilation), listener.hosts)
        knowledge = knowledge_of(request, address, show_values=show_values, own_router=self.own_router)
        trace = self._trace(program, seen, knowledge)
        all_counters = counters or Counters(self.compilation.all_limits)
        # Each question looks at every limit: those that the rule cannot ask for are left out.
        held = structs.replace(
            all_counters,
            limits=tuple(limit for limit in all_counters.limits if limit.namespace in trace.scopes),
        )
        before: list[RequestDecision | None] = []
        for _ in range(times - 1):
            before.append(trace.decided(held, now, self.failure_mode))
            held = before[-1].counters if before[-1] else held
        explained = trace.explained(held, now + after, self.failure_mode)
        record = structs.replace(
            explained.explanation,
            before=tuple(_runs(before, unknown=bool(trace.unknown(self.failure_mode)))),
            listener=self._met(explained.explanation, because, seen.host),
            notes=(
                *self._removed(request),
                *self.notes,
                *self._notes(program, seen, listener, request, explained.explanation.unknown),
            ),
        )
        after_it = structs.replace(explained.counters, limits=all_counters.limits)
        return structs.replace(explained, explanation=record, counters=after_it)

    def _trace(self, program: GatewayProgram, seen: Request, knowledge: Knowledge) -> Trace:
        services, own = known_services(self.objects.services), self.own_router
        return Trace(program, seen, self.origins, knowledge, own_router=own, services=services)

    def _meant(self, request: ClientRequest, address: Address) -> tuple[GatewayProgram, ListenerProgram, str]:
        """The listener that ``request`` comes to, and why that one."""
        port, because = request.port or address.port, ""
        found = self._listeners(request.gateway, port)
        if not found and request.port is None and (meant := self.served_at.get(port)) is not None:
            found = [one for one in self._listeners(request.gateway, meant[1]) if _key(one[0]) == meant[0]]
            because = f"kuadrant run serves it at port {port}"
        if not found:
            raise RequestError(self._no_listener(request, port))
        if len(found) > 1:
            found, because = _serving(found, request, address, port)
        program, listener = found[0]
        if listener.protocol.lower() != address.scheme:
            raise RequestError(
                f"{quoted(without_credentials(request.url))}: the listener at port {listener.port} of "
                f"gateway {_key(program)} speaks {listener.protocol}; write {listener.protocol.lower()}://"
            )
        return program, listener, because

    def _met(self, record: Explanation, because: str, host: str) -> TracedListener:
        """The listener of a request for ``host``, with what the way through it does not tell."""
        listener = record.listener
        names = [listener.serving] if listener.serving else listener.names
        reasons = [self.not_served.get((listener.gateway, name)) for name in names]
        at = (listener.gateway, listener.port)
        return structs.replace(
            listener,
            because=because,
            not_served=reasons[0] if all(reasons) else None,
            elsewhere=tuple(routes_elsewhere(self.objects, self.compilation, self.origins, host, at))
            if record.outcome == "no-route"
            else (),
        )

    def _removed(self, request: ClientRequest) -> Iterator[str]:
        if names := removed_from(request, own_router=self.own_router):
            yield f"the gateway removes {', '.join(names)} of the client before any policy looks at it"

    def _notes(
        self,
        program: GatewayProgram,
        seen: Request,
        listener: ListenerProgram,
        asked: ClientRequest,
        unknown: Iterable[Fact],
    ) -> Iterator[str]:
        if not self.own_router:
            yield from _of_other_ports(program, seen, listener)
        key = _key(program)
        if asked.claims:
            yield from token_notes(self.objects, self.compilation, key, knows_all=self.own_router)
        elif self.own_router and any(fact.name == METADATA for fact in unknown):
            yield from nobody_note(self.objects, self.compilation, key)

    def _listeners(self, gateway: str | None, port: int) -> list[tuple[GatewayProgram, ListenerProgram]]:
        return [
            (program, listener)
            for program in self.compilation.programs
            if gateway in (None, program.name, _key(program))
            for listener in program.listeners
            if listener.port == port
        ]

    def _no_listener(self, request: ClientRequest, port: int) -> str:
        programs = self.compilation.programs
        if not programs:
            return "there is no Gateway; add one, or the folder that it is in"
        named = [one for one in programs if request.gateway in (None, one.name, _key(one))]
        if not named:
            return f"there is no gateway {request.gateway}; there is {_some(map(_key, programs))}"
        ports = [f"{listener.port} of {_key(one)}" for one in named for listener in one.listeners]
        there = f"there is {_some(ports)}" if ports else "none has a listener for HTTP"
        of_run = ""
        if self.served_at and request.port is None:
            of_run = f", also that of a kuadrant run that has another --port than {min(self.served_at)}"
        return f"no gateway listens at port {port}; {there}: name it in the URL or with --port{of_run}"


def _of_other_ports(program: GatewayProgram, request: Request, listener: ListenerProgram) -> Iterator[str]:
    """Tell of limits that hold because another port has them."""
    every_port = tables(program)
    if len(program.listeners) == 1 or len(every_port) != 1 or every_port[0].port is not None:
        return
    own, told = chosen(listener.hosts, request), chosen(every_port[0].hosts, request)
    if (own.actions if own else ()) != (told.actions if told else ()):
        yield (
            "the filter has one table of limits for all ports of this Gateway: "
            "what another port limits is limited here, too"
        )


def _serving(
    found: list[tuple[GatewayProgram, ListenerProgram]], request: ClientRequest, address: Address, port: int
) -> tuple[list[tuple[GatewayProgram, ListenerProgram]], str]:
    """Of several gateways with the port, the one that serves the request's host."""
    host = authority_of(request, address)
    owners = [(one, owner_of(one[1].hosts, Request(authority=host))) for one in found]
    # A host name without a rule is there, too: that of a listener to which no route is attached.
    serving = [one for one, owner in owners if owner is not None and owner.rules]
    if len(serving) > 1:
        names = " and ".join(_key(program) for program, _ in serving)
        raise RequestError(f"{names} serve {host} at port {port}; say which is meant with --gateway")
    if serving:
        return serving, f"no other gateway serves {host} at port {port}"
    return found[:1], f"none of {len(found)} gateways serves {host} at port {port}"


_TOLD = 5


def _some(names: Iterable[str]) -> str:
    (*all_names,) = names
    more = len(all_names) - _TOLD
    return ", ".join(all_names[:_TOLD]) + (f" and {more} more" if more > 0 else "")


def _key(program: GatewayProgram) -> str:
    return f"{program.namespace}/{program.name}"


def _runs(decisions: Iterable[RequestDecision | None], *, unknown: bool) -> Iterator[Run]:
    """Decisions in a row that are alike, together."""
    for alike, group in groupby(
        decisions,
        key=lambda one: (
            None
            if one is None or (one.doubt is not None and one.doubt.verdict)
            else (one.outcome, one.status)
        ),
    ):
        count = len([*group])
        if alike is None or unknown:
            yield Run(count=count, outcome="unknown", status=None)
        else:
            yield Run(count=count, outcome=alike[0], status=alike[1])
