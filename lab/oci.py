"""Container images written from files: an OCI image layout in one tar, as `ctr images import` reads it.

Sources: OCI image specification 1.1, sections "Image Layout", "Image Manifest" and "Image Configuration".
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab import machine

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_CONFIGURATION = "application/vnd.oci.image.config.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Image:
    """An image: its full name with a tag, the tars of its layers from the lowest up, and what it runs."""

    name: str
    layers: Sequence[Path]
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    architecture: str = field(default_factory=machine.architecture)
    labels: Mapping[str, str] = field(default_factory=dict)


def write_layer(files: Mapping[str, Path], to: Path) -> None:
    """Write a layer that holds `files`: places in the image, each with the file or folder to put there.

    Same files, same bytes: owners are root and times are zero.
    """

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if "__pycache__" in member.name.split("/"):
            return None
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        # Whatever the umask of who builds.
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        return member

    with tarfile.open(to, "w") as tar:
        for place, source in sorted(files.items()):
            tar.add(source.resolve(), arcname=place.lstrip("/"), filter=plain)


def write_archive(images: Sequence[Image], to: Path) -> None:
    """Write all `images` into one archive; a layer that several have is in it once.

    Those with the same name are one image for several architectures.
    """
    digests = {layer: _digest_of(layer) for image in images for layer in image.layers}
    blobs: dict[str, bytes] = {}

    def blob(kind: str, content: object) -> dict[str, object]:
        data = json.dumps(content, sort_keys=True).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blobs[digest] = data
        return {"mediaType": kind, "digest": digest, "size": len(data)}

    manifests: dict[str, list[dict[str, object]]] = {}
    for image in images:
        configuration = _configuration(image, [digests[layer] for layer in image.layers])
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": blob(_CONFIGURATION, configuration),
            "layers": [
                {"mediaType": _LAYER, "digest": digests[layer], "size": layer.stat().st_size}
                for layer in image.layers
            ],
        }
        platform = {"architecture": image.architecture, "os": "linux"}
        manifests.setdefault(image.name, []).append({**blob(_MANIFEST, manifest), "platform": platform})

    named = []
    for name, each in manifests.items():
        tag = name.rpartition(":")[2]
        annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}
        one = each[0] if len(each) == 1 else blob(_INDEX, _index(each))
        named.append({**one, "annotations": annotations})
    with tarfile.open(to, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(tar, "index.json", json.dumps(_index(named), sort_keys=True).encode())
        for digest, data in blobs.items():
            _add(tar, _place(digest), data)
        for digest, layer in {digest: layer for layer, digest in digests.items()}.items():
            member = tarfile.TarInfo(_place(digest))
            member.size = layer.stat().st_size
            with layer.open("rb") as file:
                tar.addfile(member, file)


def _configuration(image: Image, layers: Sequence[str]) -> dict[str, object]:
    """Return what a runtime has to know of an image, whose layers have these digests."""
    config = {
        "Entrypoint": list(image.command),
        "Env": [f"{name}={value}" for name, value in image.environment.items()],
        "User": image.user,
        "Labels": dict(image.labels),
    }
    return {
        "architecture": image.architecture,
        "os": "linux",
        "config": {key: value for key, value in config.items() if value},
        "rootfs": {"type": "layers", "diff_ids": list(layers)},
    }


def _index(manifests: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {"schemaVersion": 2, "mediaType": _INDEX, "manifests": list(manifests)}


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _place(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
