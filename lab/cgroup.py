"""The control group that holds the pods of a box: made before kubelet starts, removed after the box."""

import contextlib
import time
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
# A node's processors are its pods' first: elsewhere the control plane and clients have machines of their own.
# Otherwise each thread of the API server weighs ten times as much as a gateway. For versions 1 and 2.
_WEIGHTS = {"cpu.shares": "16384", "cpu.weight": "1600"}


def _hierarchies() -> list[Path]:
    """The root of every hierarchy: one in version 2.

    One for each controller in version 1, and `unified` beside them.
    """
    if (_ROOT / "cgroup.controllers").exists():
        return [_ROOT]
    return sorted({path.resolve() for path in _ROOT.iterdir() if path.is_dir()})


def create(name: str) -> None:
    """Make the group `name` in every hierarchy.

    In version 1 kubelet does not make it, nor give it processors.
    """
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)  # in `unified` too: runc would make it there
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy / "cpuset.cpu_exclusive").exists():
                (group / setting).write_text((hierarchy / setting).read_text())
        for setting, weight in _WEIGHTS.items():
            if (group / setting).exists():
                (group / setting).write_text(weight)


def remove(name: str, *, patience: float = 10.0) -> None:
    """Remove the group and the groups below it.

    Waits up to `patience` seconds for its last process to be gone.

    Raises:
        TimeoutError: a process is still in it.
    """
    until = time.monotonic() + patience
    for hierarchy in _hierarchies():
        group = hierarchy / name
        while group.exists():
            below = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
            for path in [*below, group]:
                with contextlib.suppress(OSError):
                    path.rmdir()
            if group.exists() and time.monotonic() > until:
                raise TimeoutError(f"{group} still holds processes")
            time.sleep(0.02)
