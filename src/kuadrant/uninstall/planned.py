"""Decides what is to be done to take an installation away, from what was seen of it. Pure.

The order is what matters. First gateways are told of nothing any more: the operator does so for a Kuadrant
that is deleted, or, where none runs, we do. Only then goes what they asked: the module's server and the rate
limit service. Each step leaves a state from which the same is decided again, so that one who is interrupted
starts anew.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from kuadrant.uninstall.installation import DEFINITIONS, KUADRANTS, NAMESPACES

Do = Literal["delete", "wait", "rest", "clear", "release"]
"""What a step does.

``delete`` objects; ``wait`` until they are gone; ``rest`` for a time, and delete them then; ``clear`` our
conditions in a status; ``release`` objects that are being deleted from our finalizer.
"""


class There(Struct, frozen=True, kw_only=True):
    """An object that is there.

    Attributes:
        kind: its kind.
        path: where the API server has it.
        namespace: its namespace; empty for kinds without one.
        name: its name.
        uid: its UID.
        is_deleted: it is being deleted already.
        is_kept: it is being deleted, and stays for us.
        seconds: for so long it stays after what needs it has gone.
    """

    kind: str
    path: str
    namespace: str = ""
    name: str = ""
    uid: str = ""
    is_deleted: bool = False
    is_kept: bool = False
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Seen(Struct, frozen=True, kw_only=True):
    """What there is of an installation.

    Attributes:
        kuadrants: the Kuadrant resources.
        told: the objects of ours by which gateways are told what to do.
        affected: Gateways and routes with conditions of ours.
        policies: how many policies there are.
        works: an operator of ours runs.
        pods: the operator's pods that have not ended yet.
        operator: what it is made of.
        service: what the rate limit service is made of.
        definitions: our kinds, and what belongs to them.
        namespace: the namespace of the installation, where it is ours.
        foreign: what else of Kuadrant is there that needs our kinds or names.
        release: the Helm release that the installation is; empty if it is none.
        obstacle: why the operator has not let a Kuadrant go yet, in its words.
    """

    kuadrants: tuple[There, ...] = ()
    told: tuple[There, ...] = ()
    affected: tuple[There, ...] = ()
    policies: int = 0
    works: bool = False
    pods: tuple[There, ...] = ()
    operator: tuple[There, ...] = ()
    service: tuple[There, ...] = ()
    definitions: tuple[There, ...] = ()
    namespace: tuple[There, ...] = ()
    foreign: tuple[str, ...] = ()
    release: str = ""
    obstacle: str = ""


class Wish(Struct, frozen=True, kw_only=True):
    """What is to go.

    Attributes:
        keep: gateways keep what they have, and the rate limit service stays for them.
        stop_only: limiting ends, and nothing of the installation goes.
        keep_definitions: our kinds stay, and with them every policy.
        without_operator: the operator is not waited for, even where one runs.
    """

    keep: bool = False
    stop_only: bool = False
    keep_definitions: bool = False
    without_operator: bool = False


class Step(Struct, frozen=True):
    """One thing to do, in words, and to which objects; ``seconds`` is how long a ``rest`` is."""

    do: Do
    words: str
    objects: tuple[There, ...] = ()
    seconds: float = 0.0

    @property
    def is_of_operator(self) -> bool:
        """Tell whether it is the operator that does it."""
        return self.do == "wait" and any(one.kind == KUADRANTS.kind for one in self.objects)


class Plan(Struct, frozen=True):
    """What is to be done, in this order, and what is to be known of it."""

    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()


KEPT: Final = (
    "gateways keep what they have: pods that run go on limiting, by the rate limit service, which stays. No "
    "edit of a policy has an effect any more, and a gateway pod that starts meanwhile gets no module: with "
    "Istio it answers each request with 403, with Envoy Gateway 500, and one that is pushed to does not "
    "become ready. Install again, or run this without --keep to end limiting"
)


def plan(seen: Seen, wish: Wish) -> Plan:
    """Return what is left to do."""
    if wish.keep:
        return Plan(_parts("what the operator is made of", seen.operator, seen.pods), (KEPT,))
    steps = _end(seen, wish)
    if wish.stop_only:
        return Plan(steps)
    if seen.release:
        helm = f"the installation is the release {seen.release} of Helm, which takes the rest away"
        return Plan(steps, (helm,))
    keeps = wish.keep_definitions or bool(seen.foreign)
    steps = (
        *steps,
        *_parts("what the operator is made of", seen.operator, seen.pods),
        *_parts("what the rate limit service is made of", seen.service),
        *(() if keeps else _parts(_definitions(seen), _but_kinds(seen), after=_kinds(seen))),
        *_parts("the namespace, with all that is in it", () if keeps else seen.namespace),
    )
    return Plan(steps, tuple(_notes(seen, wish)))


def _end(seen: Seen, wish: Wish) -> tuple[Step, ...]:
    """Return how gateways come to ask for nothing any more."""
    steps: list[Step] = []
    fresh = tuple(one for one in seen.kuadrants if not one.is_deleted)
    if fresh:
        steps.append(Step("delete", "end limiting: delete the Kuadrant", fresh))
    if seen.works and not wish.without_operator:
        if seen.kuadrants:
            why = f" ({seen.obstacle})" if seen.obstacle else ""
            words = f"wait until the operator has told every gateway, which takes a minute or so{why}"
            steps.append(Step("wait", words, seen.kuadrants))
        return (*steps, *_orphans(seen))
    return (*steps, *_told(seen), *_release(seen))


def _orphans(seen: Seen) -> tuple[Step, ...]:
    """Return what to do with what gateways are told where no Kuadrant has the operator do it."""
    return () if seen.kuadrants else _told(seen)


def _told(seen: Seen) -> tuple[Step, ...]:
    """Return how gateways are told without an operator: what is needed by something goes after it."""
    first = tuple(one for one in seen.told if not one.seconds)
    needed = tuple(one for one in seen.told if one.seconds)
    steps: list[Step] = []
    if first:
        steps.append(Step("delete", "tell gateways of nothing any more, since no operator does", first))
    if needed:
        seconds = max(one.seconds for one in needed)
        words = f"{seconds:.0f} s later, when no connection asks any more, take away what they asked by"
        steps.append(Step("rest", words, needed, seconds))
    if seen.affected:
        steps.append(Step("clear", "take our conditions from Gateways and routes", seen.affected))
    return tuple(steps)


def _release(seen: Seen) -> tuple[Step, ...]:
    if not seen.kuadrants:
        return ()
    words = "let the Kuadrant go, which waits for an operator (its finalizer kuadrant.io/limiting)"
    return (Step("release", words, seen.kuadrants),)


def _parts(
    words: str, there: tuple[There, ...], pods: tuple[There, ...] = (), *, after: tuple[There, ...] = ()
) -> tuple[Step, ...]:
    """Return the deletion of objects, those ``after`` them last, and the wait for those that take time."""
    steps: list[Step] = []
    found = (*there, *after)
    if fresh := tuple(one for one in found if not one.is_deleted):
        steps.append(Step("delete", f"delete {words}", fresh))
    if pods:
        steps.append(Step("wait", "wait until the operator's pods have ended", pods))
    if late := tuple(one for one in found if one.kind in {NAMESPACES.kind, DEFINITIONS.kind}):
        steps.append(Step("wait", f"wait until {'it is' if len(late) == 1 else 'they are'} gone", late))
    return tuple(steps)


def _definitions(seen: Seen) -> str:
    if not seen.policies:
        return "our kinds"
    many = f"{seen.policies} {'policy' if seen.policies == 1 else 'policies'}"
    return f"our kinds, and with them {many} (--keep-definitions keeps them)"


def _kinds(seen: Seen) -> tuple[There, ...]:
    return tuple(one for one in seen.definitions if one.kind == DEFINITIONS.kind)


def _but_kinds(seen: Seen) -> tuple[There, ...]:
    return tuple(one for one in seen.definitions if one.kind != DEFINITIONS.kind)


def _notes(seen: Seen, wish: Wish) -> list[str]:
    notes: list[str] = []
    if seen.foreign:
        notes.append(
            f"our kinds stay, and the namespace: others of Kuadrant are there ({', '.join(seen.foreign)})"
        )
    elif wish.keep_definitions:
        notes.append(f"our kinds stay, and with them {seen.policies} policies, which limit nothing")
    return notes
