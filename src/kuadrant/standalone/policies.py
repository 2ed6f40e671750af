"""What commands tell of policies, for Python: loaded once, asked as often as one likes (docs/python.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.difference import Differences, differences
from kuadrant.explanation import ClientRequest
from kuadrant.policy.failure_mode import DEFAULT_FAILURE_MODE, FailureMode
from kuadrant.standalone.check import check as check_paths
from kuadrant.standalone.folder_files import File
from kuadrant.standalone.loading import configured, load
from kuadrant.standalone.translate import surroundings
from kuadrant.topology import LimitNode, topology
from kuadrant.wasm.catalogue import current

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kuadrant.explanation import Configuration, Explanation
    from kuadrant.findings import Finding
    from kuadrant.reference_model import Counters
    from kuadrant.topology.record import RouteNode


class EffectiveLimit(Struct, frozen=True):
    """A limit that a rule of a route is under at one listener.

    ``gateway`` and ``route`` are ``namespace/name``; a rule without a name is ``rule-1``, ``rule-2``.
    ``limit`` says how many requests, and which policy it is from.
    """

    gateway: str
    listener: str
    route: str
    rule: str
    limit: LimitNode


class Client:
    """A client of gateways, whose requests are counted; time passes by ``advance`` alone."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._counters: Counters | None = None
        self._now = 0.0

    def send(self, request: ClientRequest | str, *, times: int = 1) -> Explanation:
        """Tell what becomes of a request, of the last one of so many ``times``; a text is a URL to get.

        Raises:
            RequestError: It is no request that one of the gateways would get.
        """
        done = self._configuration.explain(
            _request(request), times=times, now=self._now, counters=self._counters, show_values=True
        )
        self._counters = done.counters
        return done.explanation

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            TypeError: It is no number.
            ValueError: It would go back.
        """
        if not isinstance(seconds, int | float):
            raise TypeError(f"seconds is {seconds!r}, which is no number; a day is 86_400")
        if not seconds >= 0:
            raise ValueError(f"seconds is {seconds}, and time does not go back")
        self._now += seconds


class Policies:
    """Gateways, routes and policies as they were read, to be asked what they do."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def explain(self, request: ClientRequest | str, *, times: int = 1) -> Explanation:
        """Tell what becomes of a request where nothing was counted before, and why.

        It is the record that ``kuadrant explain --output json`` prints, with the values of headers.

        Raises:
            RequestError: It is no request that one of the gateways would get.
        """
        return self.client().send(request, times=times)

    def client(self) -> Client:
        """Return a client for which counters begin at nothing."""
        return Client(self._configuration)

    @property
    def limits(self) -> tuple[EffectiveLimit, ...]:
        """The limits in effect, by gateway, listener, route and rule."""
        return tuple(
            limit
            for of_class in topology(self._configuration).classes
            for gateway in of_class.gateways
            for listener in gateway.listeners
            for route in listener.routes
            for limit in _limits(gateway.gateway, listener.name, route)
        )

    def diff(self, new: Policies) -> Differences:
        """Tell what gateways would do otherwise with ``new``: limits, and the smallest requests that show it.

        It is false where there is no difference.

        Raises:
            TypeError: ``new`` are no policies.
        """
        if not isinstance(new, Policies):
            raise TypeError(f"new is {type(new).__name__}; read it first: diff(kuadrant.read(...))")
        return differences(self._configuration, new._configuration)


def read(path: Path | str, *, failure_mode: FailureMode = DEFAULT_FAILURE_MODE) -> Policies:
    """Read a folder with everything below it, or a file, as ``kuadrant run`` does.

    Raises:
        MistakesError: There are mistakes; each has a place.
        FolderError: It cannot be read.
        ValueError: There is no such failure mode.
    """
    return Policies(load(path, failure_mode=_known(failure_mode)))


def read_documents(text: str, *, failure_mode: FailureMode = DEFAULT_FAILURE_MODE) -> Policies:
    """Read documents of YAML or JSON.

    Raises:
        MistakesError: There are mistakes; each has a place.
        ValueError: There is no such failure mode.
    """
    return Policies(configured([File("<documents>", text)], current(None), _known(failure_mode)))


def check(*paths: Path | str) -> tuple[Finding, ...]:
    """Tell what is wrong or suspicious in folders and files, which are taken for the whole world together.

    Raises:
        FolderError: One does not exist, or cannot be read.
    """
    return check_paths(dict.fromkeys(map(str, paths)), surroundings(current(None))).findings if paths else ()


def _known(failure_mode: FailureMode) -> FailureMode:
    if failure_mode not in get_args(FailureMode):
        raise ValueError(f"failure_mode is {failure_mode!r}; it is one of {', '.join(get_args(FailureMode))}")
    return failure_mode


def _request(request: ClientRequest | str) -> ClientRequest:
    if isinstance(request, str):
        return ClientRequest(url=request)
    headers: object = request.headers
    # As people write them, who do not look at types.
    return replace(request, headers=tuple(headers.items())) if isinstance(headers, Mapping) else request


def _limits(gateway: str, listener: str, route: RouteNode) -> Iterator[EffectiveLimit]:
    for rule in route.rules:
        for limit in rule.limits:
            yield EffectiveLimit(gateway, listener, route.route, rule.name, limit)
