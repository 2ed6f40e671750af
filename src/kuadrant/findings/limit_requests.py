"""Tells which requests the limits of a policy are for, as far as routes tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from kuadrant.findings.reaching_requests import Reaching
from kuadrant.policy.hostnames import EVERY_HOSTNAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.findings.request_paths import Path
    from kuadrant.policy.model import Policy
    from kuadrant.policy.policy_precedence import EffectiveLimit


class LimitRequests:
    """The requests that come to each limit of a policy.

    Limits that are in effect together have them together: a Gateway may have any number of routes.
    """

    def __init__(self, policy: Policy, paths: Iterable[Path]) -> None:
        self._policy = policy
        self._names: dict[int, frozenset[str]] = {}
        requests: dict[frozenset[str], dict[Reaching, None]] = {}
        for path in paths:
            for hostname, under in zip(path.hostnames, path.under, strict=True):
                if names := self._own(under):
                    group = requests.setdefault(names, {})
                    for match in path.route.rules[path.rule].matches:
                        group[Reaching(match, hostname, policy.exclusive)] = None
        self._groups = [(names, tuple(group)) for names, group in requests.items()]
        # Most rules are alike but for the host name.
        self._without_host = [
            (names, tuple(dict.fromkeys(structs.replace(one, hostname=EVERY_HOSTNAME) for one in group)))
            for names, group in self._groups
        ]

    def _own(self, limits: tuple[EffectiveLimit, ...]) -> frozenset[str]:
        """The names of those limits that are the policy's."""
        if id(limits) not in self._names:
            own = (entry.limit.name for entry in limits if entry.source is self._policy)
            self._names[id(limits)] = frozenset(own)
        return self._names[id(limits)]

    def of(self, limits: Iterable[str], *, by_host: bool) -> Iterator[Reaching]:
        """Yield the requests that any of ``limits`` is for; without ``by_host`` under any host name."""
        wanted = frozenset(limits)
        for names, group in self._groups if by_host else self._without_host:
            if not wanted.isdisjoint(names):
                yield from group

    @property
    def ask_headers(self) -> bool:
        """Tell whether a rule asks for a header."""
        return any(one.match.headers for _, group in self._without_host for one in group)
