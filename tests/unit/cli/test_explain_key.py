"""`kuadrant explain-key` makes a key that only its user can read, and tells the half that gateways know."""

from __future__ import annotations

import base64
import os
import stat
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kuadrant.cli import command_line as cli
from kuadrant.explain_key import make_key, public_text, read_key
from kuadrant.standalone import own_explain_key
from kuadrant.standalone.own_explain_key import key_of_run, own_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[[Path], tuple[int, str, str]]:
    def run(file: Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            cli.main(["explain-key", str(file)])
        output = capsys.readouterr()
        return int(exit_.value.code or 0), output.out, output.err

    return run


def test_the_private_half_is_ones_own_and_the_public_half_is_printed(
    run: Callable[[Path], tuple[int, str, str]], tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    before = os.umask(0)
    try:
        code, out, err = run(file)
    finally:
        os.umask(before)
    assert (code, err) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    load_der_public_key(base64.b64decode(out.strip(), validate=True))
    assert out.strip() == public_text(read_key(file.read_bytes()))
    assert "PRIVATE" not in out


def test_a_key_that_is_there_is_told_again_and_stays(
    run: Callable[[Path], tuple[int, str, str]], tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    first, kept = run(file), file.read_bytes()
    assert (run(file), file.read_bytes()) == (first, kept)


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda file: file.write_text("hello"), "is no private key in PEM, or has a password"),
        (lambda file: file.mkdir(), "Is a directory"),
        (lambda file: file.symlink_to(file.parent / "none" / "key"), "No such file or directory"),
    ],
)
def test_what_is_no_key_is_told_and_kept(
    run: Callable[[Path], tuple[int, str, str]],
    tmp_path: Path,
    prepare: Callable[[Path], object],
    told: str,
) -> None:
    file = tmp_path / "key.pem"
    prepare(file)
    assert run(file) == (2, "", f"kuadrant: {file} {told}\n")


def test_a_folder_that_is_not_there_is_told(
    run: Callable[[Path], tuple[int, str, str]], tmp_path: Path
) -> None:
    file = tmp_path / "none" / "key.pem"
    assert run(file) == (2, "", f"kuadrant: {file} No such file or directory\n")


class TestOfARun:
    @pytest.fixture(autouse=True)
    def _folder(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def test_it_is_found_by_the_ports_of_the_run(self) -> None:
        first, second = own_key(8000), own_key(9000)
        assert first is not None
        assert second is not None
        assert [key_of_run(port) for port in (80, 8000, 8001, 9000, 65535)] == [
            None,
            first[0],
            first[0],
            second[0],
            second[0],
        ]

    def test_each_start_has_another(self) -> None:
        first, second = own_key(8000), own_key(8000)
        assert first is not None
        assert second is not None
        assert first[0] == second[0]
        assert first[1] != second[1] == public_text(read_key(second[0].read_bytes()))

    def test_in_a_folder_of_others_none_is_made_and_none_is_taken(self, tmp_path: Path) -> None:
        folder = tmp_path / "kuadrant"
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
        assert own_key(8000) is None
        make_key(own_explain_key._path(8000))
        assert key_of_run(8000) is None

    def test_a_link_that_waits_for_it_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "kuadrant").mkdir(mode=0o700)
        (tmp_path / "kuadrant" / "run-8000.key").symlink_to(tmp_path / "elsewhere")
        made = own_key(8000)
        assert made is not None
        assert not made[0].is_symlink()
        assert not (tmp_path / "elsewhere").exists()
