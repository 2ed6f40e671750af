"""CLUSTER=lab: a node in a box on this machine.

All of it comes from package registries, and nothing of it has a way out.
"""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import deploy, images, machine, programs, providers, steps
from lab.box import NODE, Box, BoxError
from lab.kubectl import Kubectl
from lab.progress import say
from lab.providers import CHOICES


def setup(name: str, gateway: str) -> None:
    """Have a box with a Ready node, names, Gateway API, providers with a gateway each and our operator.

    Again is quick.

    `gateway` is one of `providers.CHOICES`. A provider that was chosen before stays.

    Raises:
        BoxError: the machine lacks something, or a part did not come up; the message says what to do.
    """
    if lack := machine.lacking():
        raise BoxError(lack)
    box = Box(name)
    kubectl = Kubectl(box.command)
    chosen = CHOICES[gateway]
    archive = _archive(gateway)
    if box.pid():
        say(f"the lab {name!r} runs")
    else:
        box.start()
        say(f"the box {name!r} is up")
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(load, box, archive)
        kubectl.until("get", "--raw", "/readyz", patience=180)
        say("the API server is ready")
        deploy.crds(kubectl)
        steps.apis(kubectl, chosen)
        loading.result()
    steps.names(kubectl)
    for provider in chosen:
        provider.bring(kubectl)
    _node_ready(kubectl)
    kubectl.rolled_out("coredns", "kube-system", patience=240)
    say("names are answered")
    for provider in chosen:
        provider.ready(kubectl)
    operator(name)
    say(f"ready: lab/run{'' if name == 'default' else f' --lab {name}'} kubectl get pods --all-namespaces")


def build() -> None:
    """Have all that labs and their tests are made of in the cache.

    That takes most of the time of the first one.

    Raises:
        BoxError: the machine lacks something; the message says what to do.
    """
    if lack := machine.lacking():
        raise BoxError(lack)
    programs.build()
    providers.archive("both")
    images.operator()


def operator(name: str) -> None:
    """Build, load and deploy the operator of this checkout.

    Raises:
        BoxError: the box does not run, or containerd refused the image.
    """
    box = Box(name)
    box.running()

    def image() -> str:
        made, archive = images.operator()
        load(box, archive)
        return made

    deploy.operator(Kubectl(box.command), image)


def load(box: Box, archive: Path) -> None:
    """Have the images of an archive in the box; done before is not done again."""
    record = box.state / "images" / archive.parent.name
    if record.exists():
        return
    started = time.monotonic()
    line = box.command("ctr", "--namespace=k8s.io", "images", "import", str(archive))
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BoxError(f"containerd refused {archive}: {(done.stderr or done.stdout).strip()}")
    record.parent.mkdir(exist_ok=True)
    record.touch()
    say(f"the images of {archive.stem} are loaded", since=started)


def cleanup(name: str) -> None:
    """Have no box of that name, and nothing of it on the machine."""
    box = Box(name)
    there = box.pid() is not None
    box.stop()
    say(f"the lab {name!r} is gone" if there else f"there is no lab {name!r}")


def _archive(gateway: str) -> Path:
    """The archive of images, with every program of the lab built."""
    programs.build([*programs.OF_THE_NODE, *(name for one in CHOICES[gateway] for name in one.programs)])
    return providers.archive(gateway)


def _node_ready(kubectl: Kubectl) -> None:
    kubectl.met("Ready", f"node/{NODE}", namespace="kube-system", patience=180)
    say("the node is Ready")
