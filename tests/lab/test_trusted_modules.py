"""Where only signed modules are trusted: one that nobody has signed changes nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.lab.policies import limited_by
from tests.lab.supplied import digest, supplied
from tests.lab.walk import wait
from tests.modules import Modules

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.walk import Walk

POLICY = """
apiVersion: kuadrant.io/v1
kind: RateLimitPolicy
metadata: {name: toystore}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: toystore}
  limits: {shut: {rates: [{limit: 0, window: 24h}]}}
"""


class Signer:
    """Somebody whose key is trusted."""

    def __init__(self, modules: Modules, folder: Path) -> None:
        self._modules = modules
        self._key = folder / "key.pem"
        self._trusted = modules.folder / "trusted"
        own = Ed25519PrivateKey.generate()
        self._key.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = own.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self._trusted.mkdir(mode=0o755)
        (self._trusted / "own.pub").write_bytes(public)

    def sign(self, version: str) -> None:
        words = (
            "--modules",
            str(self._modules.folder),
            "--key",
            str(self._key),
            "--into",
            str(self._trusted),
        )
        subprocess.run([sys.executable, "-m", "kuadrant", "wasm", "sign", version, *words], check=True)


def ready(walk: Walk, field: str) -> str:
    """A field of the Kuadrant's condition Ready."""
    path = f"jsonpath={{.status.conditions[?(@.type=='Ready')].{field}}}"
    return walk.lab.run("kubectl", "get", "kuadrant", "kuadrant", "-n", "kuadrant-system", "-o", path)


@pytest.mark.long
def test_a_module_that_nobody_has_signed_takes_no_place(walk: Walk, tmp_path: Path) -> None:
    modules = Modules(tmp_path / "modules")
    signer = Signer(modules, tmp_path)
    signer.sign("v0")
    first, second = modules.digests
    with supplied(walk.lab, modules, trusted="trusted"):
        limited_by(walk, POLICY)
        wait(lambda: digest(walk) == first)

        modules.choose(modules.data[1])
        wait(lambda: ready(walk, "reason") == "ModuleNotTrusted", 30)
        assert f"v1 ({second[:16]})" in ready(walk, "message")
        assert (digest(walk), walk.statuses(3)) == (first, ["429"] * 3)

        signer.sign("v1")
        wait(lambda: digest(walk) == second and ready(walk, "status") == "True", 60)
        assert walk.statuses(3) == ["429"] * 3
