"""Keys, and a release that is small enough to be changed thousands of times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from kuadrant.bundle.contents import BUILD_TYPE
from kuadrant.bundle.folder import seal, sign_folder
from kuadrant.signing.keys import SigningKey, signing_key

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
P256 = ec.derive_private_key(0xC0FFEE, ec.SECP256R1())
FILES = {
    "charts/kuadrant-1.2.3.tgz": b"\x1f\x8b a chart",
    "image/kuadrant-operator-1.2.3.tar": bytes(range(256)),
    "modules/kuadrant-wasm-shim.wasm": b"\0asm\1\0\0\0",
    "sbom.cdx.json": b"{}\n",
}
PREDICATE = {
    "buildDefinition": {
        "buildType": BUILD_TYPE,
        "externalParameters": {"version": "1.2.3", "commit": "c0ffee"},
    }
}


def private_pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signer(key: PrivateKeyTypes = ED25519) -> SigningKey:
    return signing_key(private_pem(key))


def write_release(folder: Path, key: PrivateKeyTypes | None = ED25519) -> Path:
    """Write a small release into a new folder, signed by ``key`` if there is one."""
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    seal(folder, PREDICATE)
    if key is not None:
        sign_folder(folder, signer(key))
    return folder
