"""Tells what a release says of itself: its parts (SBOM), how it was made, and what is known of weaknesses.

Pure: the same facts give the same bytes; times are the commit's, and numbers are made from the contents.

Sources: CycloneDX 1.6; SLSA provenance v1; OpenVEX 0.2.0.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from kuadrant.bundle.contents import BUILD_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kuadrant.wasm.lock import LockedModule
    from scripts.release_image import DebianPackage

BUILDER: Final = "urn:kuadrant:make-release:v1"
LICENSE: Final = "Apache-2.0"
_AUTHOR: Final = "Kuadrant"
_CLASSIFIED: Final = "Classifier: License :: OSI Approved :: "


@dataclass(frozen=True)
class Source:
    """Of which version and commit a release is, and when that was committed."""

    version: str
    commit: str
    time: int

    @property
    def timestamp(self) -> str:
        """The time of the commit as RFC 3339 has it."""
        return dt.datetime.fromtimestamp(self.time, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class PythonPackage:
    """A pinned package of Python, the hashes of its files, and its licence as it names it."""

    name: str
    version: str
    hashes: tuple[str, ...]
    license: str = ""

    @property
    def purl(self) -> str:
        """The package as lists of weaknesses name it."""
        return f"pkg:pypi/{self.name}@{self.version}"


def pinned(requirements: str, installed: Mapping[str, str]) -> tuple[PythonPackage, ...]:
    """The packages of a requirements file that are installed, with the licence of their METADATA.

    Args:
        requirements: its text.
        installed: the text of METADATA by the package's normalized name.
    """
    pins = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)((?:.*\\\n)*.*)", requirements, re.MULTILINE)
    return tuple(
        PythonPackage(
            name,
            version,
            tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", rest)),
            license_of(installed[name]),
        )
        for name, version, rest in pins
        if name in installed
    )


def license_of(metadata: str) -> str:
    """The licence that a package names: an SPDX expression, else what it has in place of one."""
    head = metadata.partition("\n\n")[0]
    for pattern in (r"^License-Expression: (.+)$", rf"^{_CLASSIFIED}(.+)$", r"^License: (.+)$"):
        if found := re.findall(pattern, head, re.MULTILINE):
            return " AND ".join(found)
    return ""


def sbom(
    source: Source,
    python: Iterable[PythonPackage],
    debian: Mapping[str, Iterable[DebianPackage]],
    modules: Iterable[LockedModule],
    zig: PythonPackage,
) -> bytes:
    """The list of all that is in a release, and of the compiler of its module, as CycloneDX 1.6."""
    root = {
        "type": "application",
        "bom-ref": f"pkg:pypi/kuadrant@{source.version}",
        "name": "kuadrant",
        "version": source.version,
        "purl": f"pkg:pypi/kuadrant@{source.version}",
        "licenses": [{"license": {"id": LICENSE}}],
    }
    components = [
        *(_module(module) for module in modules),
        *(_python(package) for package in python),
        *(_debian(package) for packages in debian.values() for package in packages),
        {
            **_python(zig),
            "scope": "excluded",
            "description": "compiles the module; it is in nothing delivered",
        },
    ]
    unique = {str(component["bom-ref"]): component for component in components}
    listed = [unique[reference] for reference in sorted(unique)]
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": source.timestamp, "component": root},
        "components": listed,
        "dependencies": [
            {
                "ref": root["bom-ref"],
                "dependsOn": [one["bom-ref"] for one in listed if one.get("scope") != "excluded"],
            }
        ],
    }
    return _text({**document, "serialNumber": f"urn:uuid:{_number(document)}"})


def provenance(
    source: Source, tools: Mapping[str, str], materials: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return how a release was built: a predicate of SLSA provenance v1.

    It says what is so: a script has built it on somebody's machine, for which nobody vouches. What stands in
    place of that is that anybody gets the same bytes by the same command.

    Args:
        source: what was built.
        tools: the versions of the tools that decide about the bytes.
        materials: all that went into it, as in-toto names resources.
    """
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"version": source.version, "commit": source.commit},
            "internalParameters": {"SOURCE_DATE_EPOCH": source.time},
            "resolvedDependencies": [
                {"name": "source", "digest": {"gitCommit": source.commit}},
                *materials,
            ],
        },
        "runDetails": {"builder": {"id": BUILDER, "version": dict(tools)}},
    }


def vex(source: Source, statements: Sequence[Mapping[str, str]]) -> bytes:
    """Return what is known of weaknesses in what a release is made of, as OpenVEX 0.2.0.

    Args:
        source: the release that it is about.
        statements: those of `scripts/vex.yaml`: vulnerability, package, status, and justification or impact.
    """
    product = f"pkg:pypi/kuadrant@{source.version}"
    told = []
    for one in statements:
        rest = {key: text for key, text in one.items() if key not in {"vulnerability", "package"}}
        told.append(
            {
                "vulnerability": {"name": one["vulnerability"]},
                "products": [{"@id": product, "subcomponents": [{"@id": one["package"]}]}],
                **rest,
            }
        )
    document = {"author": _AUTHOR, "timestamp": source.timestamp, "version": 1, "statements": told}
    identity = f"urn:uuid:{_number(document)}"
    return _text({"@context": "https://openvex.dev/ns/v0.2.0", "@id": identity, **document})


def materials(
    files: Mapping[str, str], debian: Mapping[str, Iterable[DebianPackage]]
) -> tuple[Mapping[str, Any], ...]:
    """All that went into a release beside its source: lists of pins, and each package of Debian.

    Args:
        files: the SHA-256 of each list, by its path in the source.
        debian: the packages of the image, by architecture.
    """
    packages = {_debian_purl(one): one.sha256 for listed in debian.values() for one in listed}
    return (
        *({"name": name, "digest": {"sha256": digest}} for name, digest in sorted(files.items())),
        *({"uri": purl, "digest": {"sha256": digest}} for purl, digest in sorted(packages.items())),
    )


def _python(package: PythonPackage) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        **_licenses(package.license),
        # Of each file by which the package may be installed, one of which is.
        "properties": [{"name": "kuadrant:pinned-sha256", "value": one} for one in package.hashes],
    }


def _debian(package: DebianPackage) -> dict[str, Any]:
    purl = _debian_purl(package)
    named = [{"license": {"name": name}} for name in package.licenses]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": package.sha256}],
        **({"licenses": named} if named else {}),
    }


def _module(module: LockedModule) -> dict[str, Any]:
    reference = f"pkg:generic/{module.name}@{module.version}?checksum=sha256:{module.sha256}"
    return {
        "type": "application",
        "bom-ref": reference,
        "name": module.name,
        "version": module.version,
        "purl": reference,
        "hashes": [{"alg": "SHA-256", "content": module.sha256}],
        "licenses": [{"license": {"id": LICENSE}}],
        "properties": [{"name": "kuadrant:dialect", "value": one} for one in module.dialects],
    }


def _licenses(text: str) -> dict[str, Any]:
    if not text:
        return {}
    if re.fullmatch(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*", text) and " " in text:
        return {"licenses": [{"expression": text}]}
    return {"licenses": [{"license": {"name": text}}]}


def _debian_purl(package: DebianPackage) -> str:
    return (
        f"pkg:deb/debian/{quote(package.name, safe='.-')}@{quote(package.version, safe='.-~')}"
        f"?arch={package.architecture}&distro=bookworm"
    )


def _number(document: object) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))


def _text(document: object) -> bytes:
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
