"""Where keys are trusted, a module that none of them has signed is not served."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from kuadrant.signing.envelope import sign
from kuadrant.signing.statement import Statement, statement_text
from kuadrant.wasm import CatalogueError, Module, embedded, lock
from kuadrant.wasm.module_statement import PREDICATE, signed_statement, statement_name
from kuadrant.wasm.trust import served
from tests.signed_releases import ED25519, P256, private_pem, public_pem, signer

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND = embedded()[:2]


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """A folder with one key, and nothing signed."""
    folder = tmp_path / "trust"
    folder.mkdir()
    (folder / "ours.pub").write_bytes(public_pem(ED25519))
    return folder


def vouch(folder: Path, *modules: Module) -> None:
    for module in modules:
        (folder / statement_name(module)).write_bytes(signed_statement(module, signer()))


def test_without_keys_all_that_are_carried_are_served() -> None:
    found = served(None, None)
    assert (found.modules, found.distrust) == (embedded(), "")


def test_those_that_were_signed_are_served(trust: Path) -> None:
    vouch(trust, *embedded())
    found = served(None, trust)
    assert (found.modules, found.distrust) == (embedded(), "")


def test_where_nothing_is_signed_nothing_is_served(trust: Path) -> None:
    found = served(None, trust)
    assert found.modules == ()
    assert found.distrust == (
        f"kuadrant-wasm-shim {FIRST.version} ({FIRST.sha256[:16]}) is not served: nobody has signed it, by a"
        f" key of {trust}; `kuadrant wasm sign` signs it"
    )


def test_where_only_the_one_before_is_signed_that_is_served_and_the_first_is_named(trust: Path) -> None:
    vouch(trust, SECOND)
    found = served(None, trust)
    assert found.modules == (SECOND,)
    assert f"{FIRST.version} ({FIRST.sha256[:16]}) is not served" in found.distrust


def test_a_fetched_module_is_served_once_it_is_countersigned(trust: Path, tmp_path: Path) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    official = Module(
        "kuadrant-wasm-shim", b"\0asm\1\0\0\0official", version="v0.6.0", dialects=("policies",)
    )
    entry = lock.LockedModule(
        name=official.name,
        version=official.version,
        file="official",
        sha256=official.sha256,
        size=len(official.data),
        dialects=official.dialects,
        source="https://example.com/",
    )
    for name in ("official", "kuadrant-wasm-shim"):
        (folder / name).write_bytes(official.data)
    (folder / lock.NAME).write_text(lock.text([entry]))
    vouch(trust, *embedded())
    assert served(folder, trust).modules == embedded()
    assert "v0.6.0" in served(folder, trust).distrust
    # Beside the module is as good a place as beside the key.
    vouch(folder, official)
    assert served(folder, trust).modules[0].sha256 == official.sha256
    assert served(folder, trust).distrust == ""
    # What was signed is not vouched for as anything else.
    (folder / lock.NAME).write_text(lock.text([replace(entry, dialects=("kuadrant-v1",))]))
    assert "it was signed as version v0.6.0 with the dialects ['policies']" in served(folder, trust).distrust
    (folder / lock.NAME).write_text(lock.text([replace(entry, version="v0.7.0")]))
    assert "it was signed as version v0.6.0" in served(folder, trust).distrust


def test_strangers_vouch_for_nothing(trust: Path) -> None:
    (trust / statement_name(FIRST)).write_bytes(signed_statement(FIRST, signer(P256)))
    assert served(None, trust).modules == ()
    (trust / "theirs.pub").write_bytes(public_pem(P256))
    assert served(None, trust).modules == (FIRST,)


def test_every_changed_byte_of_a_statement_is_one_too_many(trust: Path) -> None:
    text = signed_statement(FIRST, signer())
    for place in range(0, len(text), 29):
        changed = bytearray(text)
        changed[place] ^= 1
        (trust / statement_name(FIRST)).write_bytes(bytes(changed))
        assert served(None, trust).modules == ()


def test_a_statement_about_something_else_is_none_about_a_module(trust: Path) -> None:
    for predicate_type, digest in (
        ("https://slsa.dev/provenance/v1", FIRST.sha256),
        (PREDICATE, hashlib.sha256(b"another").hexdigest()),
    ):
        said = {"version": FIRST.version, "dialects": list(FIRST.dialects)}
        statement = Statement({FIRST.name: digest}, predicate_type, said)
        (trust / statement_name(FIRST)).write_bytes(sign(statement_text(statement), signer()))
        assert served(None, trust).modules == ()


def test_a_key_alone_is_trusted_too_with_statements_beside_the_modules(trust: Path, tmp_path: Path) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    vouch(folder, *embedded())
    assert served(folder, trust / "ours.pub").modules == embedded()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ours.pub", private_pem(ED25519), "is a private key"),
        ("ours.pub", b"", "is no PEM file"),
        ("ours.txt", public_pem(ED25519), "has no key (*.pem, *.pub), and no module is served without one"),
    ],
)
def test_what_is_no_key_is_said(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CatalogueError) as error:
        served(None, tmp_path)
    assert said in str(error.value)


def test_no_folder_of_keys_is_no_reason_to_trust_everybody(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="is not there; WASM_SHIM_TRUSTED_KEYS names it"):
        served(None, tmp_path / "nowhere")
