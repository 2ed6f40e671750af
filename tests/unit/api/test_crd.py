"""The definitions of our kinds.

What is checked in is what the structs say, and no version loses what the other has.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kuadrant.api.crd import custom_resource_definitions

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
POLICIES = custom_resource_definitions()["ratelimitpolicies.kuadrant.io"]
KUADRANTS = custom_resource_definitions()["kuadrants.kuadrant.io"]
VERSIONS = {version["name"]: version for version in POLICIES["spec"]["versions"]}


def _spec(version: str) -> dict[str, Any]:
    spec: dict[str, Any] = VERSIONS[version]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


def _parts(part: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, part
    for name, below in part.get("properties", {}).items():
        yield from _parts(below, f"{path}.{name}")
    for below in (part.get("items"), part.get("additionalProperties")):
        if below:
            yield from _parts(below, f"{path}.*")


def test_what_is_checked_in_is_what_the_structs_say() -> None:
    script = ROOT / "scripts" / "generate_crds.py"
    specification = importlib.util.spec_from_file_location("generate_crds", script)
    assert specification is not None
    assert specification.loader is not None
    generate = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generate)
    files = generate.files()
    assert {path: path.read_text() for path in (ROOT / "config" / "crd" / "bases").iterdir()} == files


def test_both_versions_are_served_and_nothing_converts_them() -> None:
    assert [(v["name"], v["served"], v["storage"]) for v in POLICIES["spec"]["versions"]] == [
        ("v1beta2", True, False),
        ("v1", True, True),
    ]
    assert POLICIES["spec"]["conversion"] == {"strategy": "None"}


def test_both_versions_have_the_same_fields() -> None:
    """What one of them does not have, it would drop from an object that the other wrote."""
    told = ("x-kubernetes-validations", "maxProperties", "properties", "items", "additionalProperties")
    fields = {
        version: {
            path: {key: value for key, value in part.items() if key not in told}
            for path, part in _parts(_spec(version))
        }
        for version in VERSIONS
    }
    assert fields["v1beta2"] == fields["v1"]


def _loses(part: dict[str, Any], value: Any, path: str = "") -> Iterator[str]:
    """The fields of ``value`` that the API server would drop: those that its schema does not have."""
    if part.get("x-kubernetes-preserve-unknown-fields"):
        return
    if isinstance(value, dict):
        for key, below in value.items():
            schema = part.get("properties", {}).get(key) or part.get("additionalProperties")
            if schema is None:
                yield f"{path}.{key}"
            else:
                yield from _loses(schema, below, f"{path}.{key}")
    elif isinstance(value, list):
        for below in value:
            yield from _loses(part["items"], below, f"{path}.*")


FULL = """
targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: a, namespace: ns, sectionName: b}
when: [{predicate: "true"}]
limits: &limits
  a:
    algorithm: TokenBucket
    burst: 3
    rates: [{limit: 1, duration: 1, unit: second, window: 1s}]
    counters: [auth.identity.username, {expression: auth.identity.username}]
    when: [{selector: a, operator: eq, value: b, predicate: "true"}]
    routeSelectors:
      - hostnames: ["*.a.com"]
        matches:
          - method: GET
            path: {type: Exact, value: /}
            headers: [{name: a, type: Exact, value: b}]
            queryParams: [{name: a, type: Exact, value: b}]
defaults: {strategy: merge, when: [{predicate: "true"}], limits: *limits}
overrides: {strategy: merge, when: [{predicate: "true"}], limits: *limits}
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_of_either_version_is_lost(version: str) -> None:
    assert list(_loses(_spec(version), yaml.safe_load(FULL))) == []


def test_a_field_that_no_version_has_is_lost() -> None:
    assert list(_loses(_spec("v1"), {"targetRef": {"names": "a"}})) == [".targetRef.names"]


COMMON = {
    "Invalid targetRef.group. The only supported value is 'gateway.networking.k8s.io'",
    "Implicit and explicit defaults are mutually exclusive",
    "Overrides and explicit defaults are mutually exclusive",
    "Overrides and implicit defaults are mutually exclusive",
    "Overrides are only allowed for policies targeting a Gateway resource",
    "At least one spec.overrides.limits must be defined",
    "route selectors not supported when targeting a Gateway",
    "A rate has either window, or duration and unit",
    "A condition has either predicate, or selector, operator and value",
    "window must be at least 1s: requests are counted per whole second",
}


@pytest.mark.parametrize(
    ("version", "own"),
    [
        ("v1beta2", {"Invalid targetRef.kind. The only supported values are 'HTTPRoute' and 'Gateway'"}),
        (
            "v1",
            {
                (
                    "Invalid targetRef.kind. The only supported values are 'HTTPRoute', 'GRPCRoute' and "
                    "'Gateway'"
                ),
                "Invalid targetRef.kind. The only supported values are 'HTTPRoute' and 'Gateway'",
                "At least one spec.limits must be defined",
                "At least one spec.defaults.limits must be defined",
            },
        ),
    ],
)
def test_the_rules_are_kuadrant_s_word_for_word(version: str, own: set[str]) -> None:
    said = {
        rule["message"]
        for _, part in _parts(_spec(version))
        for rule in part.get("x-kubernetes-validations", ())
    }
    assert said == COMMON | own


@pytest.mark.row(20)
@pytest.mark.parametrize(("version", "most"), [("v1beta2", 14), ("v1", 1024)])
def test_each_version_has_its_own_most_of_limits(version: str, most: int) -> None:
    spec = _spec(version)["properties"]
    blocks = (
        spec["limits"],
        spec["defaults"]["properties"]["limits"],
        spec["overrides"]["properties"]["limits"],
    )
    assert [block["maxProperties"] for block in blocks] == [most] * 3


@pytest.mark.row(24)
@pytest.mark.row(26)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_server_fills_in_what_gateway_api_and_kuadrant_say(version: str) -> None:
    defaults = {path: part["default"] for path, part in _parts(_spec(version)) if "default" in part}
    match = ".limits.*.routeSelectors.*.matches.*"
    expected: dict[str, Any] = {".defaults.strategy": "atomic", ".overrides.strategy": "atomic"}
    for block in ("", ".defaults", ".overrides"):
        expected |= {
            f"{block}{match}.path": {"type": "PathPrefix", "value": "/"},
            f"{block}{match}.path.type": "PathPrefix",
            f"{block}{match}.path.value": "/",
            f"{block}{match}.headers.*.type": "Exact",
            f"{block}{match}.queryParams.*.type": "Exact",
        }
    assert defaults == expected


@pytest.mark.parametrize("definition", [POLICIES, KUADRANTS], ids=["ratelimitpolicies", "kuadrants"])
def test_every_field_is_explained(definition: dict[str, Any]) -> None:
    """What ``kubectl explain`` shows; items of a list are explained with it."""
    for version in definition["spec"]["versions"]:
        whole = version["schema"]["openAPIV3Schema"]
        unexplained = [
            path
            for path, part in _parts(whole)
            if not path.endswith("*") and path != ".metadata" and not part.get("description")
        ]
        assert unexplained == []


def _columns(version: dict[str, Any]) -> list[tuple[str, int]]:
    return [(column["name"], column.get("priority", 0)) for column in version["additionalPrinterColumns"]]


def test_the_columns_are_kuadrant_s() -> None:
    assert _columns(VERSIONS["v1beta2"]) == [
        ("Accepted", 2),
        ("Enforced", 2),
        ("TargetRefKind", 2),
        ("TargetRefName", 2),
        ("Age", 0),
    ]
    assert _columns(VERSIONS["v1"]) == [
        ("Accepted", 2),
        ("Enforced", 2),
        ("TargetKind", 2),
        ("TargetName", 2),
        ("TargetSection", 2),
        ("Age", 0),
    ]
    (version,) = KUADRANTS["spec"]["versions"]
    assert _columns(version) == [
        ("Status", 2),
        ("mTLS Authorino", 2),
        ("mTLS Limitador", 2),
        ("Age", 0),
    ]


def test_policies_are_marked_as_inherited() -> None:
    assert POLICIES["metadata"]["labels"] == {"gateway.networking.k8s.io/policy": "inherited"}
    assert POLICIES["spec"]["names"]["shortNames"] == ["rlp"]


def test_no_category_has_the_name_of_a_kind() -> None:
    """Kubectl would take the kind for the category: ``kubectl get kuadrant`` would list policies."""
    names = {
        name
        for definition in (POLICIES, KUADRANTS)
        for name in (definition["spec"]["names"]["singular"], definition["spec"]["names"]["plural"])
    }
    assert not names & set(POLICIES["spec"]["names"]["categories"])
