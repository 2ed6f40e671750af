"""What a machine lacks is named in one list, each with what brings it."""

from pathlib import Path

import pytest

from lab import machine
from lab.machine import Machine


@pytest.fixture
def plugins(tmp_path: Path) -> tuple[Path, ...]:
    for name in ("ptp", "host-local", "loopback"):
        (tmp_path / name).touch()
    return (tmp_path,)


def whole(plugins: tuple[Path, ...]) -> Machine:
    return Machine(lambda program: program, lambda: "1.26.3", "linux", 0, plugins, has_venv=True)


def test_a_machine_with_everything_lacks_nothing(plugins: tuple[Path, ...]) -> None:
    assert whole(plugins).lacking() is None
    assert whole(plugins).lacking(tests=True) is None


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    missing = {"runc", "nft"}
    bare = Machine(
        lambda program: None if program in missing else program, lambda: None, "linux", 1000, (tmp_path,)
    )
    assert bare.lacking() == (
        "This machine lacks what the lab needs:\n"
        "  runc, nft, CNI plugins: apt-get install --no-install-recommends containernetworking-plugins "
        "nftables runc\n"
        "  go: Go 1.26 or later; from https://go.dev/dl/\n"
        "  root, for namespaces and mounts: run the command as root (sudo)"
    )


def test_the_tests_need_more_than_a_lab(plugins: tuple[Path, ...]) -> None:
    bare = Machine(
        lambda program: None if program == "redis-server" else program,
        lambda: "1.26.0",
        "linux",
        0,
        plugins,
        has_venv=False,
    )
    assert bare.lacking() is None
    assert bare.lacking(tests=True) == (
        "This machine lacks what the tests need:\n"
        "  redis-server, Python's venv: apt-get install --no-install-recommends python3-venv redis-server\n"
        "  (`make test-unit` runs the tests that need none of it)"
    )


def test_a_go_that_is_too_old_is_named(plugins: tuple[Path, ...]) -> None:
    old = Machine(lambda program: program, lambda: "1.9.8", "linux", 0, plugins)
    assert old.lacking() == (
        "This machine lacks what the lab needs:\n"
        "  go: Go 1.26 or later, this is 1.9.8; from https://go.dev/dl/"
    )


def test_another_system_is_told_what_works_there() -> None:
    lack = Machine(system="darwin").lacking()
    assert lack is not None
    assert "CLUSTER=kind" in lack


def test_packages_are_installed_from_a_fresh_list_and_without_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    (tmp_path / "apt-get").write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND $@" >>{log}\n')
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    machine.install({"runc": "runc", "nft": "nftables"})

    quiet = "noninteractive --quiet --quiet --option=Acquire::Retries=5"
    assert log.read_text().splitlines() == [
        f"{quiet} update",
        f"{quiet} install --no-install-recommends nftables runc --yes",
    ]
