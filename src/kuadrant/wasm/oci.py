"""A module as an OCI image: a manifest, a config, and one layer that holds ``plugin.wasm``; pure.

The same module gives the same digests everywhere: nothing of the machine, the time or a compression library
goes in.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import zlib
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from kuadrant.wasm.module import Module

REPOSITORY = "kuadrant-wasm-shim"
LATEST = "latest"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
BLOB = "application/octet-stream"

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate, no name, no time, an unknown system
_STORED_MAX = 0xFFFF


class Part(Struct, frozen=True, gc=False):
    """Bytes with their SHA-256, in lower-case hexadecimal digits."""

    data: bytes
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> Part:
        """The part that ``data`` is."""
        return cls(data, hashlib.sha256(data).hexdigest())


class Image(Struct, frozen=True, gc=False):
    """The parts of an image that a registry has to have."""

    manifest: Part
    config: Part
    layer: Part


def image(module: Module) -> Image:
    """Return the image of a module."""
    archive = _archive(module.data)
    layer = Part.of(_gzip(archive))
    history = [{"created_by": f"{REPOSITORY} {module.version}".strip()}]
    config = Part.of(
        _json(
            {
                # What pullers look for by default; the module itself runs wherever its host does.
                "architecture": "amd64",
                "os": "linux",
                "config": {},
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(archive).hexdigest()}"]},
                "history": history,
            }
        )
    )
    manifest = Part.of(
        _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _descriptor(_CONFIG, config),
                "layers": [_descriptor(_LAYER, layer)],
            }
        )
    )
    return Image(manifest, config, layer)


def _descriptor(media_type: str, part: Part) -> dict[str, object]:
    return {"mediaType": media_type, "digest": f"sha256:{part.sha256}", "size": len(part.data)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _archive(data: bytes) -> bytes:
    file = tarfile.TarInfo("plugin.wasm")
    file.size = len(data)
    file.mode = 0o644
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(file, io.BytesIO(data))
    return target.getvalue()


def _gzip(data: bytes) -> bytes:
    """Return ``data`` as a gzip file (RFC 1952) of stored blocks: compressors differ between builds."""
    pieces = [_GZIP_HEAD]
    for start in range(0, len(data), _STORED_MAX):
        block = data[start : start + _STORED_MAX]
        last = start + _STORED_MAX >= len(data)
        pieces += (struct.pack("<BHH", last, len(block), len(block) ^ _STORED_MAX), block)
    pieces.append(struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
    return b"".join(pieces)
