"""What a machine lacks is named in one list, each with what brings it."""

from pathlib import Path

from lab import machine


def plugins(tmp_path: Path) -> tuple[Path, ...]:
    for name in ("ptp", "host-local", "loopback"):
        (tmp_path / name).touch()
    return (tmp_path,)


def test_a_machine_with_everything_lacks_nothing(tmp_path: Path) -> None:
    assert machine.lacking(lambda program: program, system="linux", user=0, folders=plugins(tmp_path)) is None


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    missing = {"runc", "nft", "go"}
    assert machine.lacking(
        lambda program: None if program in missing else program, user=1000, folders=(tmp_path,)
    ) == (
        "This machine lacks what the lab needs:\n"
        "  runc, nft, CNI plugins: apt-get install --no-install-recommends containernetworking-plugins nftables runc\n"
        "  go: Go 1.26 or later, from https://go.dev/dl/\n"
        "  root, for namespaces and mounts: run the command as root (sudo)"
    )


def test_another_system_is_told_what_works_there() -> None:
    lack = machine.lacking(system="darwin")
    assert lack is not None
    assert "CLUSTER=kind" in lack
