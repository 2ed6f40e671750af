"""What the doctor finds in a real cluster: nothing where all is well, and each fault by its code."""

from __future__ import annotations

import base64
import datetime as dt
import json
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from kuadrant.api.kuadrant import FINALIZER
from tests.lab.authentication import applied
from tests.lab.walk import ENVOY_GATEWAY, ISTIO, POLICY, Walk, wait
from tests.listener_certificates import made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.conftest import Lab

IN = ("-n", "kuadrant-system")
OPERATOR = "deployment/kuadrant-operator-controller-manager"
SECOND = """
apiVersion: kuadrant.io/v1beta1
kind: Kuadrant
metadata: {name: second, namespace: kuadrant-system}
"""
MANY = (
    SECOND
    + """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: istio-system}
spec: {podSelector: {}, policyTypes: [Egress]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: astray}
spec: {gatewayClassName: nowhere, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: foreign}
spec: {controllerName: example.com/gateways}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: foreign}
spec: {gatewayClassName: foreign, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: unclaimed}
spec:
  controllerName: gateway.envoyproxy.io/gatewayclass-controller
  parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, name: nowhere, namespace: default}
---
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: refused}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits: {a: {rates: [{limit: 1, window: 1m}], when: [{predicate: "no_such == 1"}]}}
"""
)
FOUND = {
    "class-not-accepted",
    "certificate-ends",
    "count-apart",
    "delivery",
    "egress-closed",
    "foreign-class",
    "gateway-class",
    "patches-off",
    "policies-refused",
    "port-closed",
    "stored-version",
    "two-kuadrants",
}
GATEWAYS = [("gtw", one.gateway, "-n", one.namespace) for one in (ISTIO, ENVOY_GATEWAY)]
WAYS = dict(zip(GATEWAYS, ("pushed", "push"), strict=True))


@contextmanager
def changed(lab: Lab, *what: str, path: str, to: object, subresource: str = "") -> Iterator[None]:
    """A field of an object is another one for as long as this lasts."""
    found: object = json.loads(lab.run("kubectl", "get", *what, "-o", "json"))
    for name in path.strip("/").split("/"):
        assert isinstance(found, dict)
        found = found[name]

    def put(value: object) -> None:
        patch = json.dumps([{"op": "replace", "path": path, "value": value}])
        more = (f"--subresource={subresource}",) if subresource else ()
        lab.run("kubectl", "patch", *what, "--type=json", "--patch", patch, *more)

    put(to)
    try:
        yield
    finally:
        put(found)


def ending() -> dict[str, str]:
    """The data of a Secret whose certificate ends in ten days."""
    soon = made("push.example", end=dt.datetime.now(dt.UTC) + dt.timedelta(days=10))
    return {
        name: base64.b64encode(text).decode()
        for name, text in (("tls.crt", soon.chain), ("tls.key", soon.key), ("ca.crt", soon.chain))
    }


def doctor(lab: Lab) -> tuple[int, set[str]]:
    """Its exit code, and the codes of what it finds."""
    done = lab.attempt(sys.executable, "-m", "kuadrant", "doctor", "-o", "json")
    return done.returncode, {one["code"] for one in json.loads(done.stdout)["findings"]}


@pytest.fixture(scope="module")
def limiting(walk: Walk) -> Iterator[Walk]:
    walk.apply(POLICY)
    wait(lambda: walk.enforced() == "True")
    yield walk
    walk.lab.run("kubectl", "delete", "ratelimitpolicy", "toystore", "--ignore-not-found")


def test_before_there_is_a_kuadrant_it_is_missed(lab: Lab) -> None:
    assert doctor(lab) == (0, {"no-kuadrant"})


def test_where_all_is_well_nothing_is_found(limiting: Walk) -> None:
    wait(lambda: doctor(limiting.lab) == (0, set()), 30)


def test_many_faults_at_once_are_each_named(limiting: Walk) -> None:
    lab, secret = limiting.lab, ("secret", "kuadrant-push-server")
    with ExitStack() as seeded:
        seeded.enter_context(applied(limiting, MANY))
        for gateway, way in WAYS.items():
            lab.run("kubectl", "annotate", "--overwrite", *gateway, f"kuadrant.io/wasm-delivery={way}")
            seeded.callback(lab.run, "kubectl", "annotate", *gateway, "kuadrant.io/wasm-delivery-")
        for what, path, to, more in (
            (("networkpolicy", "kuadrant-operator-controller-manager", *IN), "/spec/ingress", [], ""),
            # The operator renews its own, and takes one of somebody else as it is.
            ((*secret, *IN), "/metadata/labels", {}, ""),
            ((*secret, *IN), "/data", ending(), ""),
            (("deployment", "kuadrant-ratelimit", *IN), "/spec/replicas", 2, ""),
            (("crd", "kuadrants.kuadrant.io"), "/status/storedVersions", ["v1beta1", "v1alpha1"], "status"),
        ):
            seeded.enter_context(changed(lab, *what, path=path, to=to, subresource=more))
        wait(lambda: doctor(lab)[1] >= FOUND, 10)
        assert doctor(lab) == (1, FOUND)
    wait(lambda: doctor(lab) == (0, set()), 30)


def test_an_operator_that_does_not_run(limiting: Walk) -> None:
    run = limiting.lab.run
    run("kubectl", "scale", OPERATOR, *IN, "--replicas=0")
    second = ("kuadrant", "second", *IN)
    try:
        wait(lambda: doctor(limiting.lab) == (1, {"not-running", "service"}), 30)
        # One that is deleted waits for an operator to end limiting.
        limiting.apply(SECOND.replace("}", f", finalizers: [{FINALIZER}]}}"))
        run("kubectl", "delete", *second, "--wait=false")
        assert doctor(limiting.lab) == (1, {"kuadrant-stuck", "not-running", "service"})
    finally:
        limiting.lab.attempt(
            "kubectl", "patch", *second, "--type=merge", '--patch={"metadata":{"finalizers":null}}'
        )
        run("kubectl", "scale", OPERATOR, *IN, "--replicas=1")
        wait(lambda: doctor(limiting.lab) == (0, {"one-replica"}), 60)
        run("kubectl", "scale", OPERATOR, *IN, "--replicas=2")
        run("kubectl", "rollout", "status", OPERATOR, *IN, "--timeout=120s")


def test_an_image_that_nobody_has(limiting: Walk) -> None:
    run = limiting.lab.run
    run("kubectl", "set", "image", OPERATOR, *IN, "manager=localhost/nobody-has-it:1")
    try:
        wait(lambda: doctor(limiting.lab) == (1, {"image", "images-differ"}), 60)
    finally:
        run("kubectl", "rollout", "undo", OPERATOR, *IN)
        run("kubectl", "rollout", "status", OPERATOR, *IN, "--timeout=120s")


def test_a_right_that_was_taken_away(limiting: Walk) -> None:
    binding = "kuadrant-operator-manager-rolebinding"
    kept = limiting.lab.run("kubectl", "get", "clusterrolebinding", binding, "-o", "json")
    limiting.lab.run("kubectl", "delete", "clusterrolebinding", binding)
    try:
        code, found = doctor(limiting.lab)
        assert (code, found) == (1, {"rights"})
    finally:
        document = json.loads(kept)
        for name in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
            document["metadata"].pop(name, None)
        limiting.apply(json.dumps(document))
