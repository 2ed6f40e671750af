"""What is wrong with the installation itself: its pods, kinds, rights, and what was left over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuadrant.api.kuadrant import FINALIZER
from kuadrant.api.limitador import storage_secret
from kuadrant.doctor.facts import MODULE_SERVICE, RATELIMIT, RATELIMIT_SERVICE, named, runs
from kuadrant.doctor.finding import Finding, Symptom
from kuadrant.gateways.providers import PROVIDERS
from kuadrant.operator.core import kinds
from kuadrant.uninstall.installation import OPERATOR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuadrant.doctor.facts import Document, Facts

_FIELD = "lastAccepted"
_ROLE: Final = "kuadrant-operator-manager-role"
_PULLS: Final = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}

OTHER_OPERATOR = Symptom(
    "other-operator",
    "error",
    "It has the name of ours, and the same Lease: one of the two would undo what the other does.",
    "Install into another cluster, or take Kuadrant's operator away first.",
)
DEFINITION = Symptom(
    "definition",
    "error",
    "What is not defined cannot be applied, and the operator waits for it.",
    "`kubectl apply --server-side --kustomize config/crd`.",
)
OTHER_DEFINITION = Symptom(
    "other-definition",
    "warning",
    "Of policies in a form that it does not know, fields are dropped, and the last accepted form is not kept "
    "over a restart.",
    "`kubectl apply --server-side --force-conflicts --kustomize config/crd`: ours takes the same objects.",
)
STORED_VERSION = Symptom(
    "stored-version",
    "error",
    "Objects are stored in a version that the definition does not have: it cannot be updated.",
    "Have each object written once, and set `status.storedVersions` of the definition.",
)
NO_KUADRANT = Symptom(
    "no-kuadrant", "warning", "No policy is in effect.", "Apply `config/samples/kuadrant.yaml`."
)
TWO_KUADRANTS = Symptom(
    "two-kuadrants",
    "warning",
    "Only the oldest one counts.",
    "Delete the others.",
)
STUCK = Symptom(
    "kuadrant-stuck",
    "error",
    "It waits for an operator to end limiting, and none runs: it and its namespace stay.",
    "`kuadrant uninstall` does it without an operator (docs/uninstall.md).",
)
LEFT_OVER = Symptom(
    "left-over",
    "error",
    "Gateways ask who is not there: limited requests get 500, and pods that start serve nothing.",
    "Install again, or have `kuadrant uninstall` take them away.",
)
NOT_RUNNING = Symptom(
    "not-running",
    "error",
    "Without the operator no edit has an effect and gateways that start get no module; without the rate "
    "limit service limited requests get 500.",
    "Look at the pods: `kubectl describe`, `kubectl logs`.",
)
IMAGE = Symptom(
    "image",
    "error",
    "The pod does not start.",
    "Bring the image to the nodes, or correct its name (docs/install-hardening.md).",
)
SERVICE = Symptom(
    "service",
    "error",
    "Gateways ask by its name.",
    "`make deploy` brings it; look at its selector, and at the pods that it chooses.",
)
IMAGES_DIFFER = Symptom(
    "images-differ",
    "warning",
    "Operator and rate limit service are made for each other in one version.",
    "Give both the same image.",
)
ONE_REPLICA = Symptom(
    "one-replica",
    "note",
    "While its node is drained, a gateway that starts waits for the module.",
    "Have two replicas of the operator.",
)
COUNT_APART = Symptom(
    "count-apart",
    "warning",
    "Each replica counts by itself: a limit holds as many times over.",
    "Have one replica, or a store: `spec.limitador.storage` of the Kuadrant (docs/operating.md).",
)
RIGHTS = Symptom(
    "rights",
    "error",
    "What the operator may not do is not done, and its log says so.",
    "`make deploy` brings the roles as they have to be.",
)
SYMPTOMS: Final = (
    OTHER_OPERATOR,
    DEFINITION,
    OTHER_DEFINITION,
    STORED_VERSION,
    NO_KUADRANT,
    TWO_KUADRANTS,
    STUCK,
    LEFT_OVER,
    NOT_RUNNING,
    IMAGE,
    SERVICE,
    IMAGES_DIFFER,
    ONE_REPLICA,
    COUNT_APART,
    RIGHTS,
)


def examined(facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with the installation; before there is one, what would be in its way."""
    found = facts.one("Deployment", OPERATOR)
    if found is not None and not runs(found, "operator"):
        yield OTHER_OPERATOR.found(f"{named(found)} is that of Kuadrant's own operator", named(found))
    yield from _definitions(facts)
    yield from _kuadrants(facts)
    if not facts.is_installed:
        yield from _left_over(facts)
        return
    yield from _running(facts)
    yield from _rights(facts)


def _definitions(facts: Facts) -> Iterator[Finding]:
    for kind in (kinds.KUADRANTS, kinds.POLICIES, kinds.LIMITADORS):
        found = facts.definition(kind.resource)
        if found is None:
            if facts.is_installed and "CustomResourceDefinition" not in facts.unread:
                yield DEFINITION.found(f"the definition {kind.resource} is not there", kind.resource)
            continue
        versions = {one["name"]: one for one in found["spec"]["versions"]}
        unknown = set(found.get("status", {}).get("storedVersions", ())) - versions.keys()
        if unknown:
            text = ", ".join(sorted(unknown))
            yield STORED_VERSION.found(f"of {kind.resource} objects are stored as {text}", kind.resource)
        if kind is kinds.POLICIES and not _has_field(versions.get("v1")):
            yield OTHER_DEFINITION.found(f"the definition {kind.resource} is not ours", kind.resource)


def _has_field(version: Any) -> bool:
    schema = (version or {}).get("schema", {}).get("openAPIV3Schema", {}).get("properties", {})
    return _FIELD in schema.get("status", {}).get("properties", {})


def _kuadrants(facts: Facts) -> Iterator[Finding]:
    kept = [one for one in facts.all("Kuadrant") if "deletionTimestamp" not in one["metadata"]]
    if not kept and facts.is_installed and "Kuadrant" in facts.objects:
        yield NO_KUADRANT.found("there is no Kuadrant resource")
    if len(kept) > 1:
        names = ", ".join(map(named, kept))
        yield TWO_KUADRANTS.found(f"there are {len(kept)} Kuadrant resources: {names}")
    for one in facts.all("Kuadrant"):
        metadata = one["metadata"]
        waits = "deletionTimestamp" in metadata and FINALIZER in metadata.get("finalizers", ())
        if waits and not _ready(facts.operator):
            yield STUCK.found(f"{named(one)} is being deleted, and no operator runs", named(one))


def _left_over(facts: Facts) -> Iterator[Finding]:
    for provider in PROVIDERS:
        for kind in provider.KINDS:
            for one in facts.all(kind.name):
                if provider.owner(one) is not None:
                    yield LEFT_OVER.found(f"{named(one)} is of an installation that has gone", named(one))


def _ready(deployment: Document | None) -> int:
    return 0 if deployment is None else deployment.get("status", {}).get("readyReplicas") or 0


def _running(facts: Facts) -> Iterator[Finding]:
    operator, service = facts.operator, facts.one("Deployment", RATELIMIT)
    for one in filter(None, (operator, service)):
        if not _ready(one) and (one is operator or _is_asked(facts)):
            yield NOT_RUNNING.found(f"no pod of {named(one)} is ready", named(one))
    for pod in facts.own("Pod"):
        for status in pod.get("status", {}).get("containerStatuses") or ():
            waiting = status.get("state", {}).get("waiting", {})
            if waiting.get("reason") in _PULLS:
                why = f"{named(pod)} cannot have its image {status['image']}: {waiting['reason']}"
                yield IMAGE.found(why, named(pod))
    yield from _services(facts)
    if operator is not None and service is not None and _image(operator) != _image(service):
        yield IMAGES_DIFFER.found(
            f"the operator's image is {_image(operator)}, the service's {_image(service)}"
        )
    if operator is not None and operator["spec"].get("replicas", 1) == 1:
        yield ONE_REPLICA.found("there is one replica of the operator", named(operator))
    if service is not None and service["spec"].get("replicas", 1) > 1 and not _has_store(facts):
        number = service["spec"]["replicas"]
        yield COUNT_APART.found(f"{number} rate limit services count without a store", named(service))


def _is_asked(facts: Facts) -> bool:
    """Tell whether there is a Kuadrant: the rate limit service is not ready without one."""
    return bool(facts.all("Kuadrant"))


def _services(facts: Facts) -> Iterator[Finding]:
    for name in (MODULE_SERVICE, RATELIMIT_SERVICE):
        if facts.one("Service", name) is None:
            yield SERVICE.found(f"the Service {facts.namespace}/{name} is not there", name)
        elif not facts.ready_endpoints(name) and (name == MODULE_SERVICE or _is_asked(facts)):
            yield SERVICE.found(f"no pod behind the Service {facts.namespace}/{name} is ready", name)


def _image(deployment: Document) -> str:
    image: str = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def _has_store(facts: Facts) -> bool:
    return any(storage_secret(one.get("spec", {}).get("storage")) for one in facts.own("Limitador"))


def _rights(facts: Facts) -> Iterator[Finding]:
    """What the operator's role lacks of what it needs for the kinds that it follows and writes."""
    if "ClusterRole" not in facts.objects or "ClusterRoleBinding" not in facts.objects:
        return
    bound = [one for one in facts.all("ClusterRoleBinding") if _binds(one, facts.namespace)]
    roles = {one["metadata"]["name"]: one for one in facts.all("ClusterRole")}
    rules = [rule for one in bound for rule in roles.get(one["roleRef"]["name"], {}).get("rules") or ()]
    if not rules:
        yield RIGHTS.found(f"nothing binds the account {OPERATOR} to a role such as {_ROLE}", _ROLE)
        return
    written = {kinds.LIMITADORS.resource, *(kind.resource for kind in kinds.OF_PROVIDERS.values())}
    for kind in kinds.ALL:
        verbs = {"list", "watch", *(("create", "patch") if kind.resource in written else ())}
        lacks = sorted(verb for verb in verbs if not _may(rules, verb, kind.group, kind.plural))
        if lacks:
            yield RIGHTS.found(f"the operator may not {' and '.join(lacks)} {kind.resource}", kind.resource)


def _binds(binding: Document, namespace: str) -> bool:
    return any(
        (one.get("kind"), one.get("name"), one.get("namespace")) == ("ServiceAccount", OPERATOR, namespace)
        for one in binding.get("subjects") or ()
    )


def _may(rules: list[Any], verb: str, group: str, plural: str) -> bool:
    def has(rule: Any, field: str, wanted: str) -> bool:
        return bool({wanted, "*"} & {*(rule.get(field) or ())})

    return any(
        has(rule, "verbs", verb) and has(rule, "apiGroups", group) and has(rule, "resources", plural)
        for rule in rules
    )
