"""`kuadrant wasm sign` and `kuadrant wasm verify --trusted-keys`."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING

from kuadrant.wasm import embedded
from kuadrant.wasm.trust import served
from tests.signed_releases import ED25519, P256, private_pem, public_pem, signer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]

FILE = str(resources.files("kuadrant.wasm").joinpath("modules/kuadrant-wasm-shim.wasm"))


def test_what_is_signed_is_served_and_verified(run: Run, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(private_pem(ED25519))
    trust = tmp_path / "trust"
    trust.mkdir()
    (trust / "key.pub").write_bytes(public_pem(ED25519))

    code, said, _ = run("wasm", "verify", FILE, "--trusted-keys", trust)
    assert code == 1
    assert said.splitlines()[-1] == "It would not be served: nobody has signed it."

    code, said, _ = run("wasm", "sign", "--key", tmp_path / "key.pem", "--into", trust)
    assert code == 0
    assert len(said.splitlines()) == len(embedded())
    assert served(None, trust).modules == embedded()

    code, said, _ = run("wasm", "verify", FILE, "--trusted-keys", trust)
    assert code == 0
    assert said.splitlines()[-1] == f"It is signed by {signer().trusted.key_id}, which is trusted."

    (trust / "key.pub").write_bytes(public_pem(P256))
    code, said, _ = run("wasm", "verify", FILE, "--trusted-keys", trust, "-o", "json")
    assert (code, json.loads(said)["signedBy"]) == (1, None)
    assert "is signed by none of the keys that were given" in json.loads(said)["distrust"]


def test_one_of_them_can_be_signed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(private_pem(P256))
    version = embedded()[1].version
    code, said, _ = run("wasm", "sign", version, "--key", tmp_path / "key.pem", "--into", tmp_path)
    assert (code, len(said.splitlines())) == (0, 1)
    code, _, said = run("wasm", "sign", "v99", "--key", tmp_path / "key.pem", "--into", tmp_path)
    assert (code, said) == (
        1,
        "kuadrant: there is no module of version v99; `kuadrant wasm list` names them",
    )
