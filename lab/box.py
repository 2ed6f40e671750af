"""A box: one process tree with its own mounts, network, names and processes, holding a whole node.

What happens in it stays in it. It is started by one process and ended by killing that one; of the machine it
uses files under its state folder and one control group, and both go with it.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TypeVar

from lab import certificates, cgroup, machine, programs

NODE = "node1"
ADDRESS = "10.89.0.1"
PODS = "10.88.0.0/16"
SERVICES = "10.96.0.0/16"
API_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"

_HERE = Path(__file__).parent
_DAEMONS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
)
_ENOUGH_MEMORY = (
    8 << 30
)  # images take 1.5 GB of it, and all else of a lab as much; disks are several times slower
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

T = TypeVar("T")


class BoxError(Exception):
    """The box is not there, or could not be started; the message says why."""


@dataclass(frozen=True)
class Box:
    """The box named `name`; several can run side by side."""

    name: str

    def __post_init__(self) -> None:
        """Refuse names that cannot be part of a path, a control group and a container image's name."""
        if not _NAME.fullmatch(self.name):
            raise BoxError(f"LAB={self.name!r}: a name is made of a-z, 0-9 and -, at most 30 characters")

    @property
    def state(self) -> Path:
        """Return where the cluster's data, keys and logs lie while the box exists."""
        home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return Path(home) / "kuadrant" / "lab" / self.name

    @property
    def logs(self) -> Path:
        """The folder with a log for each daemon, and pods/."""
        return self.state / "log"

    @property
    def _group(self) -> str:
        return f"kuadrant-lab-{self.name}"

    @property
    def _record(self) -> Path:
        return self.state / "pid"

    def pid(self) -> int | None:
        """The machine's number for the box's first process; None if the box does not run."""
        try:
            number, started = self._record.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(number) if _started(int(number)) == started else None

    def running(self) -> int:
        """The machine's number for the box's first process.

        Raises:
            BoxError: the box does not run.
        """
        number = self.pid()
        if number is None:
            raise BoxError(f"the lab {self.name!r} does not run: make local-setup LAB={self.name}")
        return number

    def start(self) -> None:
        """Start the node's daemons; returns as soon as containerd answers.

        Raises:
            BoxError: it runs already, or the node ended; the message holds the end of its log.
        """
        if self.pid():
            raise BoxError(f"the lab {self.name!r} runs already")
        self._forget()
        path = ":".join(dict.fromkeys([str(programs.path_of(name).parent) for name in _DAEMONS] + [_PATH]))
        self._configure()
        cgroup.create(self._group)
        environment = {
            "HOME": "/root",
            "PATH": path,
            "STATE": str(self.state),
            "NODE": NODE,
            "ADDRESS": ADDRESS,
            "SERVICES": SERVICES,
            "DNS": DNS_ADDRESS,
            "IMAGES": "memory" if _available_memory() >= _ENOUGH_MEMORY else "disk",
        }
        with (self.logs / "node.log").open("w") as log:
            starter = subprocess.Popen(
                [
                    "unshare",
                    "--mount",
                    "--net",
                    "--uts",
                    "--ipc",
                    "--pid",
                    "--fork",
                    "--mount-proc",
                    str(_HERE / "node.sh"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        number: int = self._await(starter, lambda: _only_child(starter.pid))
        self._record.write_text(f"{number} {_started(number)}\n")
        ask = self.command("ctr", "version")
        self._await(
            starter, lambda: subprocess.run(ask, capture_output=True, check=False).returncode == 0 or None
        )

    def stop(self) -> None:
        """End every process of the box and remove all that it left on the machine.

        Nothing happens if there is none.

        Raises:
            TimeoutError: the control group could not be emptied.
        """
        if number := self.pid():
            os.kill(number, signal.SIGKILL)
            while Path(f"/proc/{number}").exists() and _started(number):
                time.sleep(0.02)
        self._forget()

    def command(self, *words: str) -> list[str]:
        """The command line that runs `words` inside the box, in the same folder, as its administrator.

        The environment goes along but for proxies, which nothing in the box can reach.

        Raises:
            BoxError: the box does not run.
        """
        number = self.running()
        inner = Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
        path = next(item for item in inner if item.startswith(b"PATH=")).decode()
        proxies = [word for name in os.environ if name.lower().endswith("_proxy") for word in ("-u", name)]
        # `env -C`, because only inside the box does a path lead to what the box has mounted there.
        enter = ["nsenter", "--target", str(number), "--mount", "--net", "--uts", "--ipc", "--pid", "--"]
        settings = [f"{path}:{_HERE / 'bin'}", "KUBECONFIG=/etc/kubernetes/admin.conf", f"LAB={self.name}"]
        return [*enter, "env", "-C", str(Path.cwd()), *proxies, *settings, *words]

    def _configure(self) -> None:
        """Write all that the daemons read."""
        runc, plugins = shutil.which("runc"), machine.cni_plugins()
        if runc is None or plugins is None:
            raise BoxError(machine.lacking() or "runc is not installed")
        self.logs.mkdir(parents=True)
        certificates.write(self.state / "kubernetes", node=NODE, address=ADDRESS, service_address=API_ADDRESS)
        (self.state / "cni").mkdir()
        for file, place in (
            ("containerd.toml", "containerd.toml"),
            ("kubelet.yaml", "kubelet.yaml"),
            ("kube-proxy.yaml", "kube-proxy.yaml"),
            ("pods.conflist", "cni/pods.conflist"),
        ):
            text = Template((_HERE / "config" / file).read_text()).substitute(
                runc=runc, cni_plugins=plugins, pods=PODS, dns=DNS_ADDRESS, node=NODE, cgroup=self._group
            )
            (self.state / place).write_text(text)

    def _await(self, starter: subprocess.Popen[bytes], condition: Callable[[], T | None]) -> T:
        """Wait for a condition while the node lives."""
        while (value := condition()) is None:
            if starter.poll() is not None:
                said = (self.logs / "node.log").read_text()[-2000:]
                raise BoxError(f"the node ended while it was started:\n{said}")
            time.sleep(0.02)
        return value

    def _forget(self) -> None:
        """Remove the control group and the state of a box that does not run any more."""
        cgroup.remove(self._group)
        shutil.rmtree(self.state, ignore_errors=True)
        for folder in (self.state.parent, self.state.parent.parent):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _available_memory() -> int:
    """The bytes that new programs can have without swapping."""
    (line,) = (
        line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable:")
    )
    return int(line.split()[1]) << 10


def _started(number: int) -> str | None:
    """Return when a process was started, in ticks since the machine was.

    With its number it names one process for ever.
    """
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _only_child(number: int) -> int | None:
    try:
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    except FileNotFoundError:
        return None
    return int(children[0]) if children else None
