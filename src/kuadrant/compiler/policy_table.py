"""The policies and what they are attached to, kept while policies and their targets come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from kuadrant.compiler.bucket_table import BucketTable
from kuadrant.incremental import Tracked
from kuadrant.policy.identity_source import asks_who
from kuadrant.policy.model import Policy
from kuadrant.policy.policy_attachment import AttachedPolicies
from kuadrant.policy.policy_check import CheckedPolicy, check
from kuadrant.policy.version_conversion import to_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuadrant.api.gateway import Gateway
    from kuadrant.api.rate_limit_policy import RateLimitPolicy
    from kuadrant.policy.policy_acceptance import Acceptance
    from kuadrant.policy.route import Route

ObjectKey = tuple[str, str]
"""Kind and ``namespace/name``."""


class _Attachment(Struct, frozen=True):
    """The policies that are for one object, and the sections of it that they name.

    ``identified`` tells whether who a request is from is known wherever it is.
    """

    policies: AttachedPolicies
    sections: frozenset[str | None]
    identified: bool


class KnownPolicy(Struct, frozen=True, gc=False):
    """A policy in the neutral model, and what is wrong with it in itself.

    ``checked`` is for gateways that know nobody, ``identified`` for those that know who a request is from.
    """

    policy: Policy
    checked: CheckedPolicy
    identified: CheckedPolicy


class PolicyTable:
    """Every policy by ``namespace/name``, and those that are on each object."""

    def __init__(self) -> None:
        self._tracked: Tracked[str, RateLimitPolicy] = Tracked(_key)
        self._known: dict[str, KnownPolicy] = {}
        self._by_target: dict[ObjectKey, dict[str, Policy]] = {}
        self._attached: dict[ObjectKey, _Attachment] = {}
        self._buckets = BucketTable()

    @property
    def known(self) -> Mapping[str, KnownPolicy]:
        """All policies that take part."""
        return self._known

    def update(self, policies: Iterable[RateLimitPolicy]) -> tuple[set[str], set[ObjectKey]]:
        """Make ``policies`` all that there are.

        Returns those that say something else now, and what they were or are for.
        """
        changed: set[str] = set()
        targets: set[ObjectKey] = set()
        for key, source in self._tracked.update(policies).items():
            former = self._known.get(key)
            policy = None if source is None or source.metadata.deletion_timestamp else to_model(source)
            if policy == (former.policy if former else None):
                continue
            changed.add(key)
            if former is not None:
                targets.add(self._remove(key, former))
            if policy is not None:
                targets.add(self._add(key, _known(policy)))
        return changed | self._buckets.settle(), targets

    def _add(self, key: str, known: KnownPolicy) -> ObjectKey:
        target = (known.policy.target.kind, known.policy.target.key)
        self._known[key] = known
        self._buckets.add(known.policy)
        self._by_target.setdefault(target, {})[key] = known.policy
        return target

    def _remove(self, key: str, known: KnownPolicy) -> ObjectKey:
        target = (known.policy.target.kind, known.policy.target.key)
        del self._known[key]
        self._buckets.remove(known.policy)
        del self._by_target[target][key]
        return target

    def targets(self) -> set[ObjectKey]:
        """Return everything that policies are for."""
        return set(self._by_target)

    def attach(
        self, target: ObjectKey, *, gateway: Gateway | None, route: Route | None, identified: bool = False
    ) -> set[str | None]:
        """Decide anew which policies take part on ``target``, which is one of the two or does not exist.

        ``identified`` tells whether its gateways know who a request is from.

        Returns its sections, None for the whole of it, that have others now.
        """
        former = self._attached.pop(target, None)
        now = None
        if policies := self._by_target.get(target):
            now = _Attachment(
                AttachedPolicies(
                    policies.values(),
                    (gateway,) if gateway else (),
                    (route,) if route else (),
                    {
                        key: reason
                        for key in policies
                        if (reason := _judged(self._known[key], identified=identified).refusal)
                    },
                ),
                frozenset(policy.target.section for policy in policies.values()),
                identified,
            )
            self._attached[target] = now
        else:
            self._by_target.pop(target, None)
        sections = (former.sections if former else frozenset()) | (now.sections if now else frozenset())
        return {section for section in sections if _on(former, target, section) != _on(now, target, section)}

    def on(self, kind: str, key: str, section: str | None = None) -> tuple[Policy, ...]:
        """The policies that take part on an object or a section of it, the oldest first."""
        return _on(self._attached.get((kind, key)), (kind, key), section)

    def for_target(self, target: ObjectKey) -> Iterable[str]:
        """The policies, as ``namespace/name``, that are for an object or a section of it."""
        return self._by_target.get(target, {}).keys()

    def beside(self, policy: Policy) -> frozenset[str]:
        """The other policies, as ``namespace/name``, for the same object or section of it."""
        others = self._by_target.get((policy.target.kind, policy.target.key), {}).values()
        return frozenset(other.key for other in others if other.target == policy.target) - {policy.key}

    def acceptance(self, policy: Policy) -> Acceptance:
        """Tell whether a policy takes part."""
        return self._attachment(policy).policies.acceptance[policy.key]

    def checked(self, policy: Policy) -> CheckedPolicy:
        """Return what is wrong with a policy where it is."""
        judged = _judged(self._known[policy.key], identified=self._attachment(policy).identified)
        beside = self._buckets.problems(policy)
        return replace(judged, problems=(*judged.problems, *beside)) if beside else judged

    def _attachment(self, policy: Policy) -> _Attachment:
        return self._attached[policy.target.kind, policy.target.key]


def _known(policy: Policy) -> KnownPolicy:
    checked = check(policy)
    return KnownPolicy(policy, checked, check(policy, identity=True) if asks_who(policy) else checked)


def _judged(known: KnownPolicy, *, identified: bool) -> CheckedPolicy:
    return known.identified if identified else known.checked


def _key(policy: RateLimitPolicy) -> str:
    return f"{policy.metadata.namespace}/{policy.metadata.name}"


def _on(attachment: _Attachment | None, target: ObjectKey, section: str | None) -> tuple[Policy, ...]:
    return () if attachment is None else attachment.policies.on(*target, section)
