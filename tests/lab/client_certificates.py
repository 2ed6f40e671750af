"""A gateway that asks clients for certificates, and clients that have some."""

from __future__ import annotations

import copy
import json
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from tests.lab.authentication import applied, known_by
from tests.lab.walk import ISTIO, wait
from tests.listener_certificates import Made, made, secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.walk import Walk

PORT = 8443


class Client(NamedTuple):
    """The words by which curl shows a certificate, and that as others see it."""

    words: tuple[str, ...]
    shown: Made


class Secured(NamedTuple):
    """A gateway that asks for certificates at a port of its own, two clients that it knows, and another."""

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


@contextmanager
def secured(walk: Walk, folder: Path) -> Iterator[Secured]:
    """The gateway has one more listener, of TLS, which asks for certificates; afterwards it is as before."""
    provided = walk.provided
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
            yield Secured(over_tls, alice, bob, stranger)
        finally:
            for (what, _), spec in zip(changed, before, strict=True):
                back = json.dumps([{"op": "replace", "path": "/spec", "value": spec}])
                walk.lab.run("kubectl", "patch", *what, "--type=json", "--patch", back)


def answers(walk: Walk, of: Client | None, number: int = 1, *options: str) -> list[str]:
    """The statuses of requests over one connection; 000 where none came about."""
    command = ("curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}\\n")
    words = (*(of.words if of else ()), *options, "-H", "Host: api.toystore.com")
    return walk.lab.attempt(*command, *words, f"{walk.url}?n=[1-{number}]").stdout.split()
