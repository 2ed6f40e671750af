"""What is done to take an installation away, and in which order, from any state that it can be in."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kuadrant.uninstall.installation import OF_DEFINITIONS, OF_OPERATOR, OF_SERVICE, Named
from kuadrant.uninstall.planned import KEPT, Seen, Step, There, Wish, plan
from scripts.installation import CONFIG, NAMESPACE, built

if TYPE_CHECKING:
    from collections.abc import Iterator


def there(kind: str, name: str, namespace: str = "ns", *, seconds: float = 0.0) -> There:
    return There(
        kind=kind, path=f"/{kind}/{namespace}/{name}", namespace=namespace, name=name, seconds=seconds
    )


def of(named: tuple[Named, ...]) -> tuple[There, ...]:
    return tuple(there(kind.kind, name) for kind, name in named)


KUADRANT = there("Kuadrant", "kuadrant")
PLUGIN = there("WasmPlugin", "plugin")
CLUSTER = there("EnvoyFilter", "cluster", seconds=50.0)
POD = there("Pod", "operator")
SEEN = Seen(
    kuadrants=(KUADRANT,),
    told=(PLUGIN, CLUSTER),
    affected=(there("HTTPRoute", "toystore"),),
    policies=2,
    works=True,
    pods=(POD,),
    operator=of(OF_OPERATOR),
    service=of(OF_SERVICE),
    definitions=of(OF_DEFINITIONS),
    namespace=(there("Namespace", "ns", ""),),
)
ALONE = replace(SEEN, works=False)


class Cluster:
    """A cluster in which steps are carried out, and an operator does its part if it runs."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.log: list[str] = []

    def perform(self, step: Step, upto: int | None = None) -> None:
        """Carry out a step, or only its first objects."""
        if step.do == "wait":
            self._pass()
        for one in step.objects[:upto]:
            if step.do == "clear":
                self._without(one)
            elif step.do in {"delete", "rest"}:
                self.log.append(f"delete {one.kind}")
                self._delete(one)
            elif step.do == "release":
                self.log.append("release")
                self._without(one)

    def _delete(self, one: There) -> None:
        if one.kind == "Kuadrant":
            gone = (replace(one, is_deleted=True, is_kept=True),)
            self.seen = replace(self.seen, kuadrants=gone)
        elif one.kind in {"CustomResourceDefinition", "Namespace"}:
            field = "namespace" if one.kind == "Namespace" else "definitions"
            marked = tuple(
                replace(each, is_deleted=True) if each == one else each for each in getattr(self.seen, field)
            )
            self.seen = replace(self.seen, **{field: marked})
        else:
            self._without(one)
            if (one.kind, one.name) == ("Deployment", "kuadrant-operator-controller-manager"):
                self.seen = replace(self.seen, works=False)

    def _without(self, one: There) -> None:
        fields = ("kuadrants", "told", "affected", "operator", "service", "definitions", "namespace", "pods")
        self.seen = replace(
            self.seen,
            **{
                field: tuple(each for each in getattr(self.seen, field) if each.path != one.path)
                for field in fields
            },
        )

    def _pass(self) -> None:
        """Time passes."""
        seen = self.seen
        if seen.kuadrants and seen.works and seen.kuadrants[0].is_deleted:
            self.log.append("operator ends limiting")
            seen = replace(seen, kuadrants=(), told=(), affected=())
        if not any(one.kind == "Deployment" for one in seen.operator):
            seen = replace(seen, pods=())
        seen = replace(
            seen,
            definitions=tuple(one for one in seen.definitions if not one.is_deleted),
            namespace=tuple(one for one in seen.namespace if not one.is_deleted),
        )
        self.seen = seen

    def steps(self, wish: Wish) -> Iterator[Step]:
        """What is left to do first, again and again, until nothing is."""
        for _ in range(200):
            left = plan(self.seen, wish).steps
            if not left:
                return
            yield left[0]
        pytest.fail(f"it never ends: {plan(self.seen, wish).steps}")


def words(seen: Seen, wish: Wish | None = None) -> list[str]:
    return [f"{step.do}: {step.words}" for step in plan(seen, wish or Wish()).steps]


def test_it_lists_what_config_has() -> None:
    """And what the operator makes for itself."""
    ours = {
        (kind.kind, kind.group, name)
        for kind, name in (*OF_OPERATOR, *OF_SERVICE, *OF_DEFINITIONS)
        if kind.kind not in {"Lease", "Secret"}
    }
    documents = [one for _, one in built(CONFIG / "default")]
    config = {
        (one["kind"], one["apiVersion"].rpartition("/")[0], one["metadata"]["name"])
        for one in documents
        if one["kind"] != "Namespace"
    }
    assert ours == config
    assert {one["metadata"]["name"] for one in documents if one["kind"] == "Namespace"} == {NAMESPACE}


def test_with_an_operator_it_is_the_operator_that_ends_limiting() -> None:
    assert words(SEEN)[:3] == [
        "delete: end limiting: delete the Kuadrant",
        "wait: wait until the operator has told every gateway, which takes a minute or so",
        "delete: delete what the operator is made of",
    ]


def test_without_one_gateways_are_told_here() -> None:
    assert words(ALONE)[:5] == [
        "delete: end limiting: delete the Kuadrant",
        "delete: tell gateways of nothing any more, since no operator does",
        "rest: 50 s later, when no connection asks any more, take away what they asked by",
        "clear: take our conditions from Gateways and routes",
        "release: let the Kuadrant go, which waits for an operator (its finalizer kuadrant.io/limiting)",
    ]
    assert words(SEEN, Wish(without_operator=True))[:5] == words(ALONE)[:5]


def test_what_an_operator_waits_for_is_said() -> None:
    deleted = replace(KUADRANT, is_deleted=True, is_kept=True)
    (wait, *_) = words(
        replace(SEEN, kuadrants=(deleted,), obstacle="gateways are still told by EnvoyFilter a/b")
    )
    assert wait.endswith("(gateways are still told by EnvoyFilter a/b)")


def test_to_keep_is_to_take_the_operator_away_and_nothing_else() -> None:
    kept = plan(SEEN, Wish(keep=True))
    assert {one for step in kept.steps for one in step.objects} == {*SEEN.operator, POD}
    assert kept.notes == (KEPT,)


def test_to_stop_only_leaves_the_installation() -> None:
    assert [step.do for step in plan(SEEN, Wish(stop_only=True)).steps] == ["delete", "wait"]


def test_policies_can_stay() -> None:
    stays = plan(SEEN, Wish(keep_definitions=True))
    gone = {one.kind for step in stays.steps for one in step.objects}
    assert not gone & {"CustomResourceDefinition", "Namespace", "ValidatingAdmissionPolicy"}
    assert stays.notes == ("our kinds stay, and with them 2 policies, which limit nothing",)
    assert "our kinds, and with them 2 policies (--keep-definitions keeps them)" in "".join(words(SEEN))


def test_where_others_need_our_kinds_they_stay() -> None:
    stays = plan(replace(SEEN, foreign=("authpolicies.kuadrant.io",)), Wish())
    assert "CustomResourceDefinition" not in {one.kind for step in stays.steps for one in step.objects}
    assert stays.notes == (
        "our kinds stay, and the namespace: others of Kuadrant are there (authpolicies.kuadrant.io)",
    )


def test_what_helm_has_installed_helm_takes_away() -> None:
    helm = plan(replace(SEEN, release="kuadrant"), Wish())
    assert [step.do for step in helm.steps] == ["delete", "wait"]
    assert helm.notes == ("the installation is the release kuadrant of Helm, which takes the rest away",)


def test_of_nothing_nothing_is_left_to_do() -> None:
    assert plan(Seen(), Wish()).steps == ()


PARTS = ("kuadrants", "told", "affected", "pods", "operator", "service", "definitions", "namespace")
WISHES = st.builds(
    Wish,
    keep=st.booleans(),
    stop_only=st.booleans(),
    keep_definitions=st.booleans(),
    without_operator=st.booleans(),
)


@given(
    wish=WISHES,
    seen=st.sampled_from([SEEN, ALONE]),
    missing=st.sets(st.sampled_from(PARTS)),
    interruptions=st.lists(st.integers(0, 13), max_size=12),
)
def test_whatever_is_there_and_whenever_it_is_interrupted_it_comes_to_the_same_end(
    wish: Wish, seen: Seen, missing: set[str], interruptions: list[int]
) -> None:
    seen = replace(seen, **dict.fromkeys(missing, ()))
    cluster = Cluster(replace(seen, works=seen.works and bool(seen.operator)))
    for step, upto in zip(cluster.steps(wish), itertools.chain(interruptions, itertools.repeat(None))):  # noqa: B905
        before = cluster.seen
        cluster.perform(step, upto)
        if wish.keep:
            continue
        # What gateways ask goes after what makes them ask, and what that needs after it.
        if before.told and step.do in {"delete", "wait"} and cluster.seen.works == before.works:
            assert cluster.seen.service == before.service
        if any(not one.seconds for one in before.told):
            assert CLUSTER in cluster.seen.told or CLUSTER not in before.told or not cluster.seen.told
        if before.told or before.kuadrants:
            assert cluster.seen.operator == before.operator

    left = cluster.seen
    if wish.keep:
        assert (left.operator, left.pods) == ((), ())
        assert (left.kuadrants, left.told, left.service) == (seen.kuadrants, seen.told, seen.service)
        return
    assert (left.kuadrants, left.told) == ((), ())
    if wish.stop_only:
        assert left.operator == seen.operator
        return
    assert (left.operator, left.service, left.pods) == ((), (), ())
    if not wish.keep_definitions:
        assert (left.definitions, left.namespace) == ((), ())
