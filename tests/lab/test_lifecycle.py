"""Labs come, stand side by side, and go without a trace."""

import os
import subprocess
from pathlib import Path

import pytest

from lab.box import Box, BoxError
from tests.lab.conftest import Lab


def trace(lab: Lab) -> dict[str, object]:
    """All of the machine that a lab could have touched, but for the lab's own processes."""

    def said(*words: str) -> str:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    groups = Path("/sys/fs/cgroup").glob("**/kuadrant-lab-*")
    settings = (
        "vm/overcommit_memory",
        "vm/panic_on_oom",
        "kernel/panic",
        "kernel/panic_on_oops",
        "net/ipv4/ip_forward",
    )
    return {
        "mounts": Path("/proc/self/mounts").read_text(),
        "namespaces": said("ip", "netns", "list"),
        "links": said("ip", "-o", "link", "show"),
        "routes": said("ip", "route", "show", "table", "all"),
        "packet filter": said("nft", "list", "ruleset"),
        "control groups": sorted(str(group) for group in groups if lab.name in group.name),
        "settings": {name: Path("/proc/sys", name).read_text() for name in settings},
        "folders": {
            str(place): sorted(Path(place).iterdir())
            for place in map(Path, ("/etc", "/var/lib", "/var/log", "/run"))
        },
        "state": lab.box.state.exists(),
        "names": Path("/etc/hosts").read_text() + Path("/etc/resolv.conf").read_text(),
    }


def processes(lab: Lab) -> list[str]:
    """The command lines of every process that the lab started, inside the box or around it."""
    marks = (f"STATE={lab.box.state}".encode(), f"LAB={lab.name}".encode())
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
                if any(mark in environment for mark in marks):
                    found.append((entry / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return found


def sharing(namespaces: list[int]) -> list[int]:
    """The processes that live in one of these namespaces."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                inside = {(entry / "ns" / kind).stat().st_ino for kind in ("pid", "net", "mnt")}
            except OSError:
                continue
            if inside & set(namespaces):
                found.append(int(entry.name))
    return found


@pytest.mark.long
def test_a_second_lab_comes_and_goes_beside_the_first_and_leaves_nothing(lab: Lab) -> None:
    second = Lab(f"{lab.name}-b")
    before = trace(second)
    try:
        second.make("local-setup")
        number = second.box.pid()
        assert number is not None
        first_of = [Path(f"/proc/{number}/ns/{kind}").stat().st_ino for kind in ("pid", "net", "mnt")]
        assert len(sharing(first_of)) > 7  # at least the daemons
        for each in (lab, second):
            assert each.run("kubectl", "wait", "--for=condition=Ready", "node", "--all", "--timeout=10s")
        lab.run("kubectl", "create", "namespace", "only-in-the-first")
        assert second.attempt("kubectl", "get", "namespace", "only-in-the-first").returncode == 1
    finally:
        second.make("local-cleanup")
    assert sharing(first_of) == []
    assert processes(second) == []
    assert trace(second) == before
    assert (
        lab.run("kubectl", "get", "namespace", "only-in-the-first", "-o", "name")
        == "namespace/only-in-the-first"
    )

    # Once more from nothing: what the first time left in the cache must not matter, and cleaning twice is
    # allowed.
    try:
        second.make("local-setup")
        assert second.attempt("kubectl", "get", "namespace", "only-in-the-first").returncode == 1
    finally:
        second.make("local-cleanup")
        second.make("local-cleanup")
    assert processes(second) == []
    assert trace(second) == before


def test_a_box_that_does_not_run_says_how_to_start_it() -> None:
    with pytest.raises(BoxError, match=r"make local-setup LAB=nobody"):
        Box("nobody").command("true")


@pytest.mark.parametrize("name", ["", "-a", "a/b", "A", "a" * 31, "a_b", ".."])
def test_a_name_that_cannot_be_part_of_a_path_is_refused(name: str) -> None:
    with pytest.raises(BoxError, match="LAB="):
        Box(name)


def test_a_number_that_another_process_got_is_not_taken_for_the_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    box = Box("old")
    box.state.mkdir(parents=True)
    (box.state / "pid").write_text(f"{os.getpid()} 1\n")
    assert box.pid() is None
    box.stop()
    assert not box.state.exists()
