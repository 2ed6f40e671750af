"""Limits for each client by the certificate that it has shown a real gateway, on both providers."""

from __future__ import annotations

import copy
import json
import uuid
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.lab.authentication import applied, known_by
from tests.lab.policies import limited_by
from tests.lab.walk import BOTH, ISTIO, wait
from tests.listener_certificates import Made, made, secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.walk import Walk

PORT = 8443
POLICY = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits:
    per-client:
      rates: [{limit: 2, window: 1h}]
      when: [{predicate: has(auth.identity.san)}]
      counters: [{expression: auth.identity.san}]
    nobody:
      rates: [{limit: 1, window: 1h}]
      when: [{predicate: "!has(auth.identity.san)"}, {predicate: "'x-case' in request.headers"}]
      counters: [{expression: "request.headers['x-case']"}]
"""


class Client(NamedTuple):
    """The words by which curl shows a certificate, and that as others see it."""

    words: tuple[str, ...]
    shown: Made


class Secured(NamedTuple):
    """A gateway that asks for certificates at a port of its own, and two clients that it knows."""

    plain: Walk
    tls: Walk
    alice: Client
    bob: Client
    stranger: Client


def client(folder: Path, name: str) -> Client:
    """Somebody with a certificate of his own, of a name that nobody had before: counters outlive tests."""
    own = made(f"{name}.example", uri=f"spiffe://lab/{name}-{uuid.uuid4().hex[:12]}")
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(own.chain)
    key.write_bytes(own.key)
    return Client(("--cert", str(chain), "--key", str(key)), own)


def trusted(namespace: str, *clients: Client) -> str:
    """What the gateway shows, and whom it trusts."""
    authorities = "".join(one.shown.chain.decode() for one in clients)
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "clients", "namespace": namespace},
        "data": {"ca.crt": authorities},
    }
    return f"{secret('shown', made('api.toystore.com'), namespace)}---\n{json.dumps(config_map)}"


@pytest.fixture(scope="module")
def secured(walk: Walk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The gateway has one more listener, of TLS, which asks for certificates; afterwards it is as before."""
    folder, provided = tmp_path_factory.mktemp("clients"), walk.provided
    alice, bob, stranger = (client(folder, name) for name in ("alice", "bob", "stranger"))
    listener = {
        "name": "https",
        "port": PORT,
        "protocol": "HTTPS",
        "tls": {"certificateRefs": [{"name": "shown"}]},
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    clients = {"group": "", "kind": "ConfigMap", "name": "clients"}
    tls = {"frontend": {"default": {"validation": {"caCertificateRefs": [clients]}}}}
    change = [
        {"op": "add", "path": "/spec/listeners/-", "value": listener},
        {"op": "add", "path": "/spec/tls", "value": tls},
    ]
    port = [{"op": "add", "path": "/spec/ports/-", "value": {"name": "https", "port": PORT}}]
    gateway = ("gtw", provided.gateway, "-n", provided.namespace)
    changed = [(gateway, change)]
    if provided is ISTIO:
        # It was deployed by hand, and so is its Service.
        changed.append((("service", provided.gateway, "-n", provided.namespace), port))
    before = [json.loads(walk.lab.run("kubectl", "get", *what, "-o", "json"))["spec"] for what, _ in changed]
    with applied(walk, trusted(provided.namespace, alice, bob)), known_by(walk, "mtls"):
        try:
            for what, operations in changed:
                walk.lab.run("kubectl", "patch", *what, "--type=json", "--patch", json.dumps(operations))
            over_tls = copy.copy(walk)
            over_tls.url = f"https://{walk.url.split('/')[2].partition(':')[0]}:{PORT}/toys"
            wait(lambda: answers(over_tls, alice) == ["200"])
            yield Secured(walk, over_tls, alice, bob, stranger)
        finally:
            for (what, _), spec in zip(changed, before, strict=True):
                back = json.dumps([{"op": "replace", "path": "/spec", "value": spec}])
                walk.lab.run("kubectl", "patch", *what, "--type=json", "--patch", back)


def answers(walk: Walk, of: Client | None, number: int = 1, *options: str) -> list[str]:
    """The statuses of requests over one connection; 000 where none came about."""
    command = ("curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}\\n")
    words = (*(of.words if of else ()), *options, "-H", "Host: api.toystore.com")
    return walk.lab.attempt(*command, *words, f"{walk.url}?n=[1-{number}]").stdout.split()


@BOTH
def test_clients_are_limited_each_by_the_certificate_that_it_shows(secured: Secured) -> None:
    limited_by(secured.plain, POLICY)
    alice, bob = secured.alice, secured.bob
    assert answers(secured.tls, alice, 3) == ["200", "200", "429"]
    # Over another connection he is still the same.
    assert answers(secured.tls, alice) == ["429"]
    assert answers(secured.tls, bob, 3) == ["200", "200", "429"]
    # Who shows none, or one that nobody vouches for, does not get in.
    assert answers(secured.tls, None) == ["000"]
    assert answers(secured.tls, secured.stranger) == ["000"]
    # Where nobody is asked for a certificate, everybody is nobody, whatever he says.
    nobody = ("-H", f"x-case: {uuid.uuid4().hex}", "-H", "x-forwarded-client-cert: URI=spiffe://lab/alice")
    assert secured.plain.statuses(2, *nobody) == ["200", "429"]
