"""Gateways, routes and policies in the forms that tests of any target give them, and what requests meet."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import strategies as st

from kuadrant.api import documents
from kuadrant.api.objects import Objects
from kuadrant.gateways.plugin_tables import tables
from kuadrant.operator.core.staged_program import asks
from kuadrant.reference_model import Request, chosen
from tests.unit.operator.example import CLASS, KEY

if TYPE_CHECKING:
    from kuadrant.compiler.program import GatewayProgram, LimitAction

NAMESPACE = "default"
GATEWAYS = ("ga", "gb")
ROUTES = ("a", "b")
POLICIES = ("p", "q", "r")
GROUP = "gateway.networking.k8s.io"


def listener(name: str, port: int = 80, hostname: str | None = None) -> dict[str, Any]:
    """A listener of a Gateway."""
    it: dict[str, Any] = {"name": name, "port": port, "protocol": "HTTP"}
    return it | ({"hostname": hostname} if hostname else {})


LISTENERS = st.sampled_from(
    [
        (listener("http"),),
        (listener("renamed"),),
        (listener("http"), listener("other", hostname="a.example")),
        (listener("http"), listener("other", 8080)),
        (listener("other", 8080),),
    ]
)


def rule_of_route(name: str | None, *paths: str, kind: str = "PathPrefix") -> dict[str, Any]:
    """A rule of a route, with a match for each path."""
    it: dict[str, Any] = {"matches": [{"path": {"type": kind, "value": path}} for path in paths]}
    return it | ({"name": name} if name else {})


RULES = st.sampled_from(
    [
        [{}],
        [rule_of_route(None, "/")],
        [rule_of_route("r1", "/x"), rule_of_route("r2", "/y")],
        [rule_of_route("r2", "/x"), rule_of_route("r1", "/y")],
        [rule_of_route("r1", "/x", "/y")],
        [rule_of_route("r1", "/x", kind="Exact"), rule_of_route("r2", "/")],
    ]
)
PARENTS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(GATEWAYS)},
        optional={"sectionName": st.sampled_from(["http", "other", "renamed"])},
    ),
    max_size=2,
    unique_by=lambda one: (one["name"], one.get("sectionName")),
)
HOSTS = st.sampled_from([[], ["a.example"], ["b.example"], ["a.example", "b.example"], ["*.example"]])
TARGETS = st.sampled_from(
    [
        ("HTTPRoute", "a", None),
        ("HTTPRoute", "b", None),
        ("HTTPRoute", "a", "r1"),
        ("HTTPRoute", "a", "r2"),
        ("Gateway", "ga", None),
        ("Gateway", "gb", None),
        ("Gateway", "ga", "http"),
        ("Gateway", "ga", "other"),
    ]
)
PROBES = [
    (port, Request(authority=host, target=path, port=port))
    for port in (80, 8080)
    for host in ("a.example", "b.example")
    for path in ("/x", "/y", "/z")
]
FORMS = st.tuples(
    TARGETS,
    st.sampled_from(["v1", "v1", "v1beta2"]),
    st.sampled_from(["limits", "defaults", "defaults-merge", "overrides", "overrides-merge"]),
    st.sampled_from([("x",), ("y",), ("x", "y")]),
    st.integers(1, 2),
    st.sampled_from([True] * 7 + [False]),
)


def spec_of(form: tuple[Any, ...]) -> dict[str, Any]:
    """The spec of a policy, in either version."""
    (kind, name, section), version, block, names, maximum, good = form
    target = {"group": GROUP, "kind": kind, "name": name}
    if version == "v1beta2":
        rate: dict[str, Any] = {"rates": [{"limit": maximum, "duration": 10, "unit": "second"}]}
    else:
        rate = {"rates": [{"limit": maximum, "window": "10s"}]}
        if section:
            target["sectionName"] = section
    if not good:
        rate["when"] = (
            [{"selector": "request.path", "operator": "matches", "value": "(?!x)"}]
            if version == "v1beta2"
            else [{"predicate": "request.path.matches('(?!x)')"}]
        )
    limits = dict.fromkeys(names, rate)
    if kind == "HTTPRoute" and block.startswith("overrides"):
        block = "defaults"
    if version == "v1beta2":
        block = block.removesuffix("-merge")
    where, _, strategy = block.partition("-")
    if where == "limits":
        return {"targetRef": target, "limits": limits}
    return {"targetRef": target, where: {"limits": limits} | ({"strategy": "merge"} if strategy else {})}


def document(
    version: str, kind: str, name: str, spec: dict[str, Any], uid: str = "", *, namespace: str = NAMESPACE
) -> dict[str, Any]:
    """An object as it is written."""
    metadata = {"name": name, "namespace": namespace, "uid": uid}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


@cache
def read(text: str) -> tuple[Any, ...]:
    """The objects of a document; of the same text the same instances."""
    folder = documents.read([("one", text)])
    assert not folder.problems, folder.problems
    kinds = msgspec.structs.astuple(folder.objects)
    return tuple(one for part in kinds for one in part if one.kind != "Namespace")


def met(
    program: GatewayProgram | None, port: int, request: Request
) -> list[tuple[tuple[str, str], LimitAction]]:
    """Return what the limits are that a request meets."""
    if program is None:
        return []
    found = []
    for table in tables(program):
        if table.port in (None, port):
            it = chosen(table.hosts, request)
            found += [*asks(it)] if it else []
    return found


def objects_of(gateways: dict[str, tuple[str, Any]], routes: dict[str, tuple[Any, ...]]) -> Objects:
    """Return what there is: Gateways by name with uid and listeners, routes with parents, hosts and rules."""
    api = f"{GROUP}/v1"
    ports = [{"port": 80, "name": "a"}, {"port": 8080, "name": "b"}]
    texts = [
        *(
            document(api, "Gateway", name, {"gatewayClassName": "istio", "listeners": listeners}, uid)
            for name, (uid, listeners) in gateways.items()
        ),
        *(document("v1", "Service", f"{name}-istio", {"ports": ports}) for name in GATEWAYS),
        *(
            document(api, "HTTPRoute", name, {"parentRefs": parents, "hostnames": hosts, "rules": rules})
            for name, (parents, hosts, rules) in routes.items()
        ),
        document("kuadrant.io/v1beta1", "Kuadrant", "k", {}, namespace=KEY[0]),
    ]
    return Objects.of([*read(CLASS), *(one for text in texts for one in read(json.dumps(text)))])
