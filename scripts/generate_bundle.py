"""Write bundle/, by which OLM installs what is in config/, or with --check compare it.

OLM is the Operator Lifecycle Manager.

OLM makes accounts and their roles itself from what the ClusterServiceVersion says, and the namespace is its
own. It does not take admission policies (its list of kinds has none), so that one is left out: see
docs/limits.md.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from kuadrant import __version__
from scripts.installation import CONFIG, MADE, NAMESPACE, ROOT, built, dumped, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BUNDLE = ROOT / "bundle"
_PACKAGE = "kuadrant-operator"
_CHANNEL = "alpha"
_ANNOTATIONS = {
    "operators.operatorframework.io.bundle.mediatype.v1": "registry+v1",
    "operators.operatorframework.io.bundle.manifests.v1": "manifests/",
    "operators.operatorframework.io.bundle.metadata.v1": "metadata/",
    "operators.operatorframework.io.bundle.package.v1": _PACKAGE,
    "operators.operatorframework.io.bundle.channels.v1": _CHANNEL,
    "operators.operatorframework.io.bundle.channel.default.v1": _CHANNEL,
}
_BY_OLM = {"Namespace", "ServiceAccount", "RoleBinding", "ClusterRoleBinding", "Deployment"}
_NOT_IN_OLM = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}


def files() -> dict[Path, str]:
    """The text of each file by its path."""
    objects = [document for _, document in built(CONFIG / "default")]
    bound = {
        (document["roleRef"]["kind"], document["roleRef"]["name"])
        for document in objects
        if document["kind"] in {"RoleBinding", "ClusterRoleBinding"}
    }
    manifests = {f"{_PACKAGE}.clusterserviceversion.yaml": _version(objects)}
    for document in objects:
        kind, name = document["kind"], document["metadata"]["name"]
        if kind in _BY_OLM or kind in _NOT_IN_OLM or (kind, name) in bound:
            continue
        metadata = {key: value for key, value in document["metadata"].items() if key != "namespace"}
        manifests[f"{name}.{kind.lower()}.yaml"] = {**document, "metadata": metadata}
    labels = "".join(f"LABEL {name}={value}\n" for name, value in _ANNOTATIONS.items())
    return {
        **{BUNDLE / "manifests" / name: MADE + dumped(document) for name, document in manifests.items()},
        BUNDLE / "metadata/annotations.yaml": MADE + dumped({"annotations": _ANNOTATIONS}),
        BUNDLE / "Containerfile": (
            f"{MADE}FROM scratch\n{labels}COPY manifests /manifests/\nCOPY metadata /metadata/\n"
        ),
    }


def _version(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The ClusterServiceVersion: what OLM deploys, with which rights, and which kinds it brings."""
    (namespace,) = [document for document in objects if document["kind"] == "Namespace"]
    samples = [yaml.safe_load(path.read_text()) for path in sorted((CONFIG / "samples").glob("*.yaml"))]
    description = (
        "RateLimitPolicy limits the requests of Gateway API's routes. Envoy enforces it with a proxy-wasm "
        "module that the "
        "operator carries and serves itself; nothing is pulled from the internet at run time."
    )
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {
            "name": f"{_PACKAGE}.v{__version__}",
            "annotations": {
                "alm-examples": json.dumps(samples, indent=2),
                "capabilities": "Basic Install",
                "operatorframework.io/suggested-namespace": NAMESPACE,
                # The console of OpenShift makes the namespace from it, with what its pods are held to.
                "operatorframework.io/suggested-namespace-template": json.dumps(namespace),
            },
        },
        "spec": {
            "displayName": "Kuadrant",
            "description": description,
            "version": __version__,
            "maturity": _CHANNEL,
            "minKubeVersion": "1.30.0",
            "keywords": ["gateway-api", "rate-limiting", "envoy"],
            "provider": {"name": "Kuadrant"},
            "installModes": [
                {"type": mode, "supported": mode == "AllNamespaces"}
                for mode in ("OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces")
            ],
            "install": {"strategy": "deployment", "spec": _deployment(objects)},
            "customresourcedefinitions": {"owned": _definitions(objects)},
        },
    }


def _deployment(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The Deployments, with the rights that they have in the cluster and in their namespace."""
    return {
        "clusterPermissions": _permissions(objects, "ClusterRole"),
        "permissions": _permissions(objects, "Role"),
        "deployments": [
            {
                "name": document["metadata"]["name"],
                "label": document["metadata"]["labels"],
                "spec": document["spec"],
            }
            for document in objects
            if document["kind"] == "Deployment"
        ],
    }


def _definitions(objects: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The kinds that the operator brings, each version by itself."""
    return [
        {
            "name": document["metadata"]["name"],
            "kind": document["spec"]["names"]["kind"],
            "version": version["name"],
            "displayName": document["spec"]["names"]["kind"],
            "description": version["schema"]["openAPIV3Schema"]["description"],
        }
        for document in objects
        if document["kind"] == "CustomResourceDefinition"
        for version in document["spec"]["versions"]
    ]


def _permissions(objects: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The rules of all roles of a kind that are bound, by the account that has them."""
    roles = {
        document["metadata"]["name"]: document["rules"] for document in objects if document["kind"] == kind
    }
    rules: dict[str, list[dict[str, Any]]] = {}
    for document in objects:
        if document["kind"] == f"{kind}Binding":
            for subject in document["subjects"]:
                rules.setdefault(subject["name"], []).extend(roles[document["roleRef"]["name"]])
    return [{"serviceAccountName": account, "rules": found} for account, found in rules.items()]


if __name__ == "__main__":
    write(BUNDLE, files())
