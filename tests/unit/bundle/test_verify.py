"""A folder is the release that was signed, to the last byte, or it is refused."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuadrant.bundle import folder as bundle
from kuadrant.bundle.contents import PREDICATE as SLSA
from kuadrant.bundle.contents import SIGNED, SIGSTORE, SUMS, UNSIGNED
from kuadrant.bundle.folder import NotSignedError, seal, sign_folder, verify
from kuadrant.signing.envelope import sign, sigstore_bundle
from kuadrant.signing.keys import trusted_key
from kuadrant.signing.statement import Statement, StatementError, statement_text
from tests.signed_releases import ED25519, FILES, P256, PREDICATE, public_pem, signer, write_release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEYS = [trusted_key(public_pem(ED25519))]
CHART = "charts/kuadrant-1.2.3.tgz"
NAMES = sorted([*FILES, SUMS, SIGNED, SIGSTORE])


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_release(tmp_path / "release")


def problems(folder: Path) -> list[tuple[str, str]]:
    return [(one.place, one.problem) for one in verify(folder, KEYS).problems]


def test_a_release_as_it_was_signed_is_verified(release: Path) -> None:
    verification = verify(release, KEYS)
    assert verification.problems == ()
    assert verification.key == KEYS[0]
    assert verification.release is not None
    assert (verification.release.version, verification.release.commit) == ("1.2.3", "c0ffee")
    assert verification.release.digests.keys() == {*FILES, SUMS}


def test_plain_tools_read_its_checksums(release: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS], cwd=release, check=True, capture_output=True
    )
    assert done.stdout.count(b": OK\n") == len(FILES)


def test_while_keys_change_the_former_and_the_next_one_are_given(tmp_path: Path) -> None:
    both = [*KEYS, trusted_key(public_pem(P256))]
    for key in (ED25519, P256):
        folder = write_release(tmp_path / signer(key).trusted.algorithm, key)
        assert verify(folder, both).problems == ()
        assert verify(folder, both).key == signer(key).trusted
    [problem] = verify(tmp_path / "ecdsa-p256", KEYS).problems
    assert problem.problem.startswith("is signed by none of the keys that were given")


def test_signed_twice_by_the_same_key_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    for key in (ED25519, P256):
        folders = [write_release(tmp_path / f"{key.__class__.__name__}{n}", key) for n in (1, 2)]
        one, other = ({name: (folder / name).read_bytes() for name in NAMES} for folder in folders)
        assert one == other


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.sampled_from(NAMES), place=st.integers(0, 1 << 20), mask=st.integers(1, 255))
def test_every_changed_byte_of_every_file_is_refused(release: Path, name: str, place: int, mask: int) -> None:
    before = (release / name).read_bytes()
    changed = bytearray(before)
    changed[place % len(changed)] ^= mask
    (release / name).write_bytes(changed)
    assert problems(release) != []
    (release / name).write_bytes(before)
    assert problems(release) == []


def _moved(folder: Path) -> None:
    (folder / CHART).rename(folder / "charts/kuadrant-1.2.4.tgz")


def _swapped(folder: Path) -> None:
    (folder / "sbom.cdx.json").write_bytes((folder / CHART).read_bytes())


def _linked(folder: Path) -> None:
    (folder / CHART).rename(folder.parent / "elsewhere")
    (folder / CHART).symlink_to(folder.parent / "elsewhere")


def _folder_linked(folder: Path) -> None:
    (folder / "charts").rename(folder.parent / "elsewhere")
    (folder / "charts").symlink_to(folder.parent / "elsewhere")


def _hard_linked(folder: Path) -> None:
    os.link(folder / CHART, folder.parent / "elsewhere")


def _pipe(folder: Path) -> None:
    (folder / CHART).unlink()
    os.mkfifo(folder / CHART)


def _socket(folder: Path) -> None:
    (folder / CHART).unlink()
    with socket.socket(socket.AF_UNIX) as bound:
        # The path of a socket has 107 bytes at most.
        os.chdir(folder)
        bound.bind(CHART)


def _folder_in_its_place(folder: Path) -> None:
    (folder / CHART).unlink()
    (folder / CHART).mkdir()


EXTRA = "is there, and is no part of the release"


NONE = "and a release has none"
CHANGES: dict[str, tuple[Callable[[Path], object], list[tuple[str, str]]]] = {
    "a file gone": (
        lambda folder: (folder / CHART).unlink(),
        [("charts", f"is an empty folder, {NONE}"), (CHART, "is missing")],
    ),
    "checksums gone": (lambda folder: (folder / SUMS).unlink(), [(SUMS, "is missing")]),
    "cosign's form gone": (lambda folder: (folder / SIGSTORE).unlink(), [(SIGSTORE, "is missing")]),
    "the signature gone": (
        lambda folder: (folder / SIGNED).unlink(),
        [(SIGNED, "is missing: this is no release, or its signature was taken away")],
    ),
    "another name": (_moved, [(CHART, "is missing"), ("charts/kuadrant-1.2.4.tgz", EXTRA)]),
    "a link": (_linked, [(CHART, f"is a link, {NONE}")]),
    "a link to a folder": (_folder_linked, [("charts", f"is a link, {NONE}"), (CHART, "is missing")]),
    "a hard link": (
        _hard_linked,
        [(CHART, "has 2 names (hard links): who changes one of them changes it")],
    ),
    "a pipe": (_pipe, [(CHART, f"is a pipe, {NONE}")]),
    "a socket": (_socket, [(CHART, f"is a socket, {NONE}")]),
    "a folder": (_folder_in_its_place, [(CHART, f"is an empty folder, {NONE}")]),
    "a folder more": (
        lambda folder: (folder / "more").mkdir(),
        [("more", f"is an empty folder, {NONE}")],
    ),
    "cosign's form of nothing": (
        lambda folder: (folder / SIGSTORE).write_text("{}"),
        [(SIGSTORE, f"does not say what {SIGNED} says")],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_missing_or_leads_elsewhere_is_named(
    release: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    change, found = CHANGES[name]
    monkeypatch.chdir(release)
    change(release)
    assert problems(release) == found


@pytest.mark.parametrize(
    "name",
    [
        "more",
        ".more",
        "more\nverified: kuadrant 1.2.3",
        "\udcff",  # a byte that is no UTF-8
        "sbom.cdx.js\u043en",  # a Cyrillic o
        "SBOM.cdx.json",
        UNSIGNED,
        "charts/more",
    ],
)
def test_whatever_is_added_is_named(release: Path, name: str) -> None:
    os.close(os.open(f"{release}/{name}", os.O_CREAT))
    assert problems(release) == [(name, EXTRA)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["truncated", "emptied", "concatenated", "appended", "swapped"])
def test_every_file_has_to_be_whole_and_nothing_more(release: Path, name: str, how: str) -> None:
    data = (release / name).read_bytes()
    other = (release / "modules/kuadrant-wasm-shim.wasm").read_bytes()
    changed = {
        "truncated": data[:-1],
        "emptied": b"",
        "concatenated": data + data,
        "appended": data + b"\n",
        "swapped": other if other != data else b"swapped",
    }[how]
    (release / name).write_bytes(changed)
    assert problems(release)[0][0] == name


def test_what_differs_is_named_with_both_checksums(release: Path) -> None:
    _swapped(release)
    [(place, problem)] = problems(release)
    assert place == "sbom.cdx.json"
    assert problem.startswith("is not the file that was signed: it has sha256 ")


def test_a_device_is_none(release: Path) -> None:
    (release / CHART).unlink()
    try:
        os.mknod(release / CHART, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.fail("this test makes a device, for which it has to be root or own /dev")
    assert problems(release) == [(CHART, "is a device, and a release has none")]


def test_more_names_than_any_release_has_are_not_cut_off(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "_PLACES_MAX", 20)
    for number in range(30):
        (release / f"x{number}").touch()
    assert (".", "cannot be read: it holds more than 20 names") in problems(release)


def test_folders_without_end_are_given_up(release: Path) -> None:
    (release / "/".join("d" * 30)).mkdir(parents=True)
    assert any(problem == "cannot be read: it is too deep" for _, problem in problems(release))


def test_nothing_is_believed_before_the_signature(tmp_path: Path) -> None:
    stranger = Ed25519PrivateKey.generate()
    verification = verify(write_release(tmp_path / "release", stranger), KEYS)
    assert verification.release is None
    assert [one.place for one in verification.problems] == [SIGNED]


def test_one_that_nobody_signed_says_so(tmp_path: Path) -> None:
    [problem] = verify(write_release(tmp_path / "release", None), KEYS).problems
    assert (problem.place, problem.problem) == (UNSIGNED, "is there, so nobody has signed this release")
    assert problem.remedy == "`kuadrant bundle sign` signs it"


def _sign(folder: Path, statement: Statement) -> None:
    envelope = sign(statement_text(statement), signer())
    (folder / SIGNED).write_bytes(envelope)
    (folder / SIGSTORE).write_bytes(sigstore_bundle(envelope))


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "a\nb", "charts/KUADRANT-1.2.3.tgz"])
def test_even_who_signs_leads_nobody_out_of_the_folder(release: Path, name: str) -> None:
    signed = verify(release, KEYS).release
    assert signed is not None
    _sign(release, Statement({**signed.digests, name: "0" * 64}, SLSA, PREDICATE))
    [(place, problem)] = problems(release)
    assert place == SIGNED
    assert problem.startswith("names files as no release does")


def test_another_statement_of_the_same_key_is_none_about_a_release(release: Path) -> None:
    signed = verify(release, KEYS).release
    assert signed is not None
    for predicate_type, predicate in (
        ("urn:kuadrant:module:v1", PREDICATE),
        (SLSA, {"buildDefinition": {"buildType": "another"}}),
        (SLSA, {}),
    ):
        _sign(release, Statement(signed.digests, predicate_type, predicate))
        assert problems(release) == [
            (SIGNED, "is not about a release, but about something else that the same key has signed")
        ]


def test_checksums_that_name_other_files_than_the_statement_are_told(release: Path) -> None:
    signed = verify(release, KEYS).release
    assert signed is not None
    (release / SUMS).write_text("")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    _sign(release, Statement({**signed.digests, SUMS: empty}, SLSA, PREDICATE))
    assert problems(release) == [(SUMS, "was signed, but names other files than the statement does")]


class TestSigning:
    def test_only_what_the_statement_says_is_signed(self, tmp_path: Path) -> None:
        folder = write_release(tmp_path / "release", None)
        (folder / "more").touch()
        with pytest.raises(NotSignedError, match=rf"more {EXTRA}; nothing is signed"):
            sign_folder(folder, signer())
        (folder / "more").unlink()
        (folder / CHART).write_bytes(b"another")
        with pytest.raises(NotSignedError, match="is not the file that was signed"):
            sign_folder(folder, signer())
        assert not (folder / SIGNED).exists()

    def test_what_is_signed_is_not_signed_again(self, release: Path) -> None:
        with pytest.raises(NotSignedError, match=r"statement\.json is missing"):
            sign_folder(release, signer())

    def test_what_is_no_statement_is_not_signed(self, tmp_path: Path) -> None:
        folder = write_release(tmp_path / "release", None)
        document = json.loads((folder / UNSIGNED).read_text())
        document["predicate"]["buildDefinition"]["buildType"] = "another"
        (folder / UNSIGNED).write_text(json.dumps(document))
        with pytest.raises(NotSignedError, match="is not about a release"):
            sign_folder(folder, signer())

    def test_a_name_that_no_release_has_is_not_sealed(self, tmp_path: Path) -> None:
        (tmp_path / "a b").touch()
        with pytest.raises(StatementError, match="'a b' has characters that no name of ours has"):
            seal(tmp_path, PREDICATE)


def test_a_copy_is_as_good_as_what_it_was_copied_from(release: Path, tmp_path: Path) -> None:
    shutil.copytree(release, tmp_path / "copy")
    assert problems(tmp_path / "copy") == []
