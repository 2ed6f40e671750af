"""Decides which form of each policy is in effect.

It is the stored one if that is accepted, or else the last one that was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kuadrant.api import documents
from kuadrant.api.policy_extensions import ANNOTATION as EXTENSIONS
from kuadrant.api.policy_version import form
from kuadrant.api.rate_limit_policy import LONGEST_SPEC, RateLimitPolicy
from kuadrant.compiler import KnownTargets
from kuadrant.incremental import Last, are, kept
from kuadrant.operator.core import stored_policy as policies
from kuadrant.operator.core.edit_pace import TOO_FAST, EditPace
from kuadrant.operator.core.kinds import StoredPolicy
from kuadrant.operator.core.namespace_budgets import Asking, share_out
from kuadrant.operator.core.world import Standing
from kuadrant.policy.budgets import DEFAULT, Budgets, Usage
from kuadrant.policy.counter_sharing import COUNTERS_ANNOTATION
from kuadrant.policy.identity_source import PATH as IDENTITY
from kuadrant.policy.policy_check import check
from kuadrant.policy.version_conversion import to_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuadrant.kube.kind import Key
    from kuadrant.operator.core.world import World


class _Form(Struct, frozen=True, gc=False):
    """A form of a policy that is accepted by itself, and what it asks for."""

    generation: int
    policy: RateLimitPolicy
    usage: Usage
    spec: str


class _Judged(Struct, frozen=True):
    """Holds the verdict on a policy as it is stored.

    Attributes:
        stored: the policy, as the API server has it.
        problem: what is wrong with it; empty if nothing is.
        wanted: the form that is to be in effect, if nothing is wrong.
        held: the form that is in effect.
        remembered: the held form is from the status, and was not looked at beside the others of its namespace
            yet.
        waits: the stored form was not looked at yet: it is not its turn.
        excess: why there is no room for the wanted form in its namespace; empty if there is.
        identified: whether its gateways know who a request is from; None if it does not ask for that.
    """

    stored: StoredPolicy
    problem: str = ""
    wanted: _Form | None = None
    held: _Form | None = None
    remembered: bool = False
    waits: bool = False
    excess: str = ""
    identified: bool | None = None


class AcceptedPolicies:
    """Judges each policy when it changed; what does not change stays the same instance.

    A policy is accepted if it can be carried out as it is written and is within the budgets of a policy, and
    together with the others within those of its namespace. Otherwise its last accepted form stays; after a
    restart its status tells which that was.
    """

    def __init__(self, budgets: Budgets = DEFAULT) -> None:
        self._budgets = budgets
        self._judged: dict[Key, _Judged] = {}
        self._crowded: frozenset[str] = frozenset()
        self._targets = KnownTargets()
        self._pace: EditPace | None = None
        self._namespaces: dict[str, Usage] = {}
        self._policies: tuple[RateLimitPolicy, ...] = ()
        self._standings: Mapping[Key, Standing] = {}
        self._join = Last(lambda objects, policies: replace(objects, rate_limit_policies=policies))

    @property
    def budgets(self) -> Budgets:
        """The most that policies and namespaces may ask for."""
        return self._budgets

    @property
    def namespaces(self) -> Mapping[str, Usage]:
        """The sum of what the forms in effect ask for, by namespace."""
        return self._namespaces

    def due(self, now: float) -> float | None:
        """Return the time at which it is the turn of an edit that waits; None if none does."""
        return None if self._pace is None else self._pace.due(now)

    def of(self, world: World, now: float, crowded: frozenset[str] = frozenset()) -> World:
        """Return the world with the policies in effect among its objects, and how each of them stands.

        Args:
            world: what there is, with policies as they are stored.
            now: the time, in seconds of a clock that does not go back.
            crowded: namespaces of which gateways may still ask for too many former limits. No edit is taken
                there until some of these are gone.
        """
        moved = self._targets.update(world.objects)
        changed = self._judge_all(world.policies, now, moved=moved) | (crowded ^ self._crowded)
        self._crowded = crowded
        # Whoever reads them while this goes on in a thread has the former ones as they were.
        namespaces = dict(self._namespaces)
        for namespace in changed:
            namespaces[namespace] = self._share_out(namespace)
        self._namespaces = {name: used for name, used in namespaces.items() if used.rates}
        standings = {
            key: kept(self._standings.get(key), self._standing(key, one, world.unreadable.get(key, "")))
            for key, one in self._judged.items()
        }
        if (
            not are((*standings.values(),), (*self._standings.values(),))
            or standings.keys() != self._standings.keys()
        ):
            self._standings = standings
        in_effect = tuple(one.held.policy for one in self._judged.values() if one.held is not None)
        if not are(self._policies, in_effect):
            self._policies = in_effect
        return replace(world, objects=self._join(world.objects, self._policies), standings=self._standings)

    def _judge_all(self, stored: Mapping[Key, StoredPolicy], now: float, *, moved: bool) -> set[str]:
        """Judge the policies that changed; return the namespaces in which that may matter.

        Where targets have ``moved``, also those whose gateways know now who a request is from, or no longer.
        """
        changed = {namespace for namespace, name in self._judged.keys() - stored.keys()}
        judged: dict[Key, _Judged] = {}
        edited: list[Key] = []
        keys = sorted(stored)
        for key in keys:
            former = self._judged.get(key)
            if (
                former is None
                or former.waits
                or not _say_the_same(former.stored, stored[key])
                or (moved and self._is_known_otherwise(former))
            ):
                edited.append(key)
            else:
                judged[key] = former if former.stored is stored[key] else replace(former, stored=stored[key])
        if self._pace is None:
            # What is there when the operator starts is taken at once.
            judged |= {key: self._judge(stored[key], None) for key in edited}
            self._pace = EditPace(self._budgets)
        else:
            judged |= self._judge_in_turn(self._pace, {key: stored[key] for key in edited}, now)
            self._pace.forget_all_but(stored)
        changed |= {namespace for namespace, _ in edited}
        self._judged = {key: judged[key] for key in keys}
        return changed

    def _judge_in_turn(
        self, pace: EditPace, edited: Mapping[Key, StoredPolicy], now: float
    ) -> dict[Key, _Judged]:
        """Judge those whose turn it is; of the others, what was in effect stays."""
        judged: dict[Key, _Judged] = {}
        for key in sorted(edited, key=lambda key: (pace.waits_since(key, now), key)):
            former, stored = self._judged.get(key), edited[key]
            if former is not None and former.stored.metadata.uid != stored.metadata.uid:
                former = None
            if former is not None and _said(former.stored) == _said(stored) and not former.waits:
                judged[key] = self._judge(stored, former)
            elif pace.is_turn(key, now):
                judged[key] = one = self._judge(stored, former)
                pace.spend(key[0], _size(one), now)
            else:
                held = None if former is None else former.held
                judged[key] = _Judged(stored, held=held, waits=True)
        return judged

    def _is_known_otherwise(self, judged: _Judged) -> bool:
        """Tell whether what it asks of its gateways is known there, and was not, or the reverse."""
        return judged.identified is not None and judged.identified != self._identified(judged.stored)

    def _identified(self, stored: StoredPolicy) -> bool | None:
        written = msgspec.json.encode((stored.spec, stored.metadata.annotations.get(EXTENSIONS)))
        if IDENTITY[0].encode() not in written:
            return None
        try:
            return self._targets.identified(to_model(policies.read(stored)).target)
        except msgspec.ValidationError:
            return False

    def _judge(self, stored: StoredPolicy, former: _Judged | None) -> _Judged:
        held = None if former is None else former.held
        if held is not None:
            held = replace(held, policy=kept(held.policy, _with_metadata(held.policy, stored)))
        known = self._identified(stored)
        try:
            wanted = self._form(policies.read(stored), stored, identified=bool(known))
        except (msgspec.ValidationError, _RefusedError) as error:
            problem = str(error)
            if former is None:
                held = self._from_status(stored)
            return _Judged(stored, problem, held=held, remembered=former is None, identified=known)
        if held is not None and held.policy == wanted.policy:
            wanted = replace(wanted, policy=held.policy)
        if former is None:
            held = self._from_status(stored, wanted)
        return _Judged(stored, wanted=wanted, held=held, remembered=former is None, identified=known)

    def _form(self, policy: RateLimitPolicy, stored: StoredPolicy, *, identified: bool) -> _Form:
        checked = check(to_model(policy), self._budgets, identity=identified)
        if checked.refusal:
            raise _RefusedError(checked.refusal)
        spec = msgspec.json.encode(stored.spec, order="deterministic").decode()
        return _Form(
            stored.metadata.generation, policy, checked.usage, spec if len(spec) <= LONGEST_SPEC else ""
        )

    def _from_status(self, stored: StoredPolicy, wanted: _Form | None = None) -> _Form | None:
        """Return the last accepted form, as the policy's status has it.

        Who can write statuses gets nothing in that way that he could not have as a spec.
        """
        match stored.status.get("lastAccepted"):
            case {"generation": int(generation), "spec": str(spec)} if len(spec) <= LONGEST_SPEC:
                if wanted is not None and spec == wanted.spec:
                    return wanted
                # The annotation of then is not known: if that of now is what is refused, it goes without.
                others = _without_extensions(stored.metadata.annotations)
                for annotations in (stored.metadata.annotations, others):
                    try:
                        as_it_was = replace(
                            stored,
                            metadata=replace(stored.metadata, generation=generation, annotations=annotations),
                            spec=msgspec.json.decode(spec, type=dict[str, Any]),
                        )
                        policy = policies.read(as_it_was)
                        _check_rules(as_it_was)
                        made = self._form(policy, as_it_was, identified=bool(self._identified(as_it_was)))
                    except (msgspec.MsgspecError, RecursionError, _RefusedError):
                        continue
                    return replace(made, policy=_with_metadata(made.policy, stored))
        return None

    def _share_out(self, namespace: str) -> Usage:
        """Decide which forms of a namespace are in effect; return what they ask for together."""
        own = {key: one for key, one in self._judged.items() if key[0] == namespace}
        asking = [
            Asking(key, one.stored.metadata.creation_timestamp or "", one.held, one.wanted, one.remembered)
            for key, one in own.items()
        ]
        shares = share_out(namespace, asking, self._budgets, crowded=namespace in self._crowded)
        for key, one in own.items():
            excess = shares.excess.get(key, "")
            self._judged[key] = replace(one, held=shares.held[key], remembered=False, excess=excess)
        return shares.used

    def _standing(self, key: Key, one: _Judged, unreadable: str) -> Standing:
        held, problem = one.held, one.problem or one.excess
        if one.waits:
            problem = TOO_FAST.format(key[0], self._budgets.namespace_edits, self._budgets.namespace_bytes)
        return Standing(
            problem=unreadable or problem,
            waits=one.waits and not unreadable,
            generation=None if held is None else held.generation,
            spec="" if held is None else held.spec,
        )


class _RefusedError(ValueError):
    """Says why a policy is not accepted."""


def _say_the_same(one: StoredPolicy, other: StoredPolicy) -> bool:
    """Tell whether two forms differ in nothing but their status."""
    return one is other or (one.metadata == other.metadata and one.spec == other.spec)


def _said(stored: StoredPolicy) -> tuple[object, ...]:
    """Return what its author says with it."""
    annotations = stored.metadata.annotations
    return stored.spec, annotations.get(COUNTERS_ANNOTATION), annotations.get(EXTENSIONS)


def _without_extensions(annotations: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in annotations.items() if name != EXTENSIONS}


def _with_metadata(policy: RateLimitPolicy, stored: StoredPolicy) -> RateLimitPolicy:
    """The form with the metadata of now, except for the extensions, which are a part of the form."""
    of_form = {name: text for name, text in policy.metadata.annotations.items() if name == EXTENSIONS}
    annotations = {**_without_extensions(stored.metadata.annotations), **of_form}
    return replace(policy, metadata=replace(stored.metadata, annotations=annotations))


def _check_rules(stored: StoredPolicy) -> None:
    """Check what the API server would have checked.

    It looks at specs, not at what a status says that one was.
    """
    metadata = {"name": stored.metadata.name, "namespace": stored.metadata.namespace}
    document = {
        "apiVersion": form(stored.spec),
        "kind": "RateLimitPolicy",
        "metadata": metadata,
        "spec": stored.spec,
    }
    text = msgspec.json.encode(document).decode()
    found = documents.read([("status.lastAccepted", text)])
    if found.problems:
        raise _RefusedError(str(found.problems[0]))


def _size(judged: _Judged) -> int:
    """Return the bytes that an edit has written anew, whether it is accepted or not."""
    if judged.wanted is None:
        return len(msgspec.json.encode(judged.stored.spec))
    return judged.wanted.usage.bytes + judged.wanted.usage.text
