"""`kuadrant bundle`: what it prints, and its exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.signed_releases import ED25519, P256, private_pem, public_pem, signer, write_release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]

MORE = "is there, and is no part of the release; remove it, if you know where it is from"
KEY_ID = signer().trusted.key_id


@pytest.fixture
def release(tmp_path: Path) -> Path:
    (tmp_path / "ed25519.pub").write_bytes(public_pem(ED25519))
    (tmp_path / "p256.pub").write_bytes(public_pem(P256))
    (tmp_path / "ed25519.pem").write_bytes(private_pem(ED25519))
    return write_release(tmp_path / "release")


def test_a_release_as_it_was_signed(run: Run, release: Path) -> None:
    assert run("bundle", "verify", release, "--key", release.parent / "ed25519.pub") == (
        0,
        f"verified: kuadrant 1.2.3, 5 files\n  commit    c0ffee\n  signed by ed25519 key {KEY_ID}\n",
        "",
    )


def test_one_of_several_keys_is_enough(run: Run, release: Path) -> None:
    keys = ("--key", release.parent / "p256.pub", "--key", release.parent / "ed25519.pub")
    assert run("bundle", "verify", release, *keys)[0] == 0


def test_another_one_with_all_that_is_wrong_on_a_line_each(run: Run, release: Path) -> None:
    (release / "more\x1b[2Kverified\n").touch()
    (release / "sbom.cdx.json").unlink()
    code, said, _ = run("bundle", "verify", release, "--key", release.parent / "ed25519.pub")
    assert code == 1
    assert said.splitlines() == [
        rf"{release}/more\x1b[2Kverified\n {MORE}",
        f"{release}/sbom.cdx.json is missing; take the release again from where it came from",
        "NOT VERIFIED: it is not the kuadrant 1.2.3 that was signed",
    ]


def test_one_of_strangers(run: Run, release: Path) -> None:
    code, said, _ = run("bundle", "verify", release, "--key", release.parent / "p256.pub")
    assert code == 1
    assert said.splitlines()[-1] == "NOT VERIFIED: it is not known who made this"
    assert f"but as it says by '{KEY_ID[:16]}'; give that key with --key if you trust it" in said


def test_for_programs(run: Run, release: Path) -> None:
    arguments = ("bundle", "verify", release, "--key", release.parent / "ed25519.pub", "-o", "json")
    code, said, _ = run(*arguments)
    assert code == 0
    told = json.loads(said)
    assert (told["verified"], told["problems"]) == (True, [])
    assert told["key"] == {"id": KEY_ID, "algorithm": "ed25519"}
    assert told["release"]["files"].keys() >= {"SHA256SUMS", "sbom.cdx.json"}
    (release / "sbom.cdx.json").write_text("")
    code, said, _ = run(*arguments)
    assert code == 1
    told = json.loads(said)
    assert told["verified"] is False
    assert told["problems"][0]["place"] == "sbom.cdx.json"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--key"),
        (("--key", "release/sbom.cdx.json"), "release/sbom.cdx.json is no PEM file"),
        (("--key", "ed25519.pem"), "ed25519.pem is a private key, and who only checks needs none"),
        (("--key", "missing.pub"), "missing.pub cannot be read"),
        (("--key", "release"), "release is a folder; give a file"),
    ],
)
def test_what_is_no_key_is_wrong_usage(
    run: Run, release: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(release.parent)
    code, out, err = run("bundle", "verify", "release", *arguments)
    assert code == 2
    assert said in " ".join((out + err).replace("│", "").split())


def test_one_that_is_not_signed_is_signed(run: Run, release: Path, tmp_path: Path) -> None:
    folder = write_release(tmp_path / "unsigned", None)
    key = release.parent / "ed25519.pub"
    assert run("bundle", "verify", folder, "--key", key)[0] == 1
    assert run("bundle", "sign", folder, "--key", release.parent / "ed25519.pem")[:2] == (
        0,
        f"{folder}: kuadrant 1.2.3, signed by the ed25519 key {KEY_ID}\n",
    )
    assert run("bundle", "verify", folder, "--key", key)[0] == 0
    code, _, said = run("bundle", "sign", folder, "--key", release.parent / "ed25519.pem")
    assert (code, "statement.json is missing" in said) == (1, True)
    assert run("bundle", "sign", folder, "--key", key)[0] == 2
