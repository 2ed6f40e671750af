"""CLUSTER=kind: the same images and manifests on kind, for people with Docker."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from lab import deploy, images, providers, steps
from lab.kubectl import Kubectl
from lab.progress import say
from lab.providers import CHOICES


class KindError(Exception):
    """kind is not installed or refused; the message holds what it said."""


def setup(name: str, gateway: str) -> None:
    """Have a kind cluster kuadrant-`name` with Gateway API, providers with a gateway each and our operator.

    Kubectl's context is set.

    Raises:
        KindError: kind, Docker or kubectl is not installed, or kind refused.
    """
    lacking = [program for program in ("kind", "docker", "kubectl") if not shutil.which(program)]
    if lacking:
        raise KindError(
            f"CLUSTER=kind needs {', '.join(lacking)}: see https://kind.sigs.k8s.io/docs/user/quick-start/"
        )
    cluster = f"kuadrant-{name}"
    if cluster not in _kind("get", "clusters").split():
        _kind("create", "cluster", f"--name={cluster}", "--wait=120s")
        say(f"the kind cluster {cluster} is up")
    kubectl = Kubectl(_command(cluster))
    chosen = CHOICES[gateway]
    load(cluster, providers.archive(gateway))
    deploy.crds(kubectl)
    steps.apis(kubectl, chosen)
    for provider in chosen:
        provider.bring(kubectl)
    for provider in chosen:
        provider.ready(kubectl)
    operator(name)
    say(f"ready: kubectl --context=kind-{cluster} get pods --all-namespaces")


def operator(name: str) -> None:
    """Build, load and deploy the operator of this checkout."""
    cluster = f"kuadrant-{name}"

    def image() -> str:
        made, archive = images.operator()
        load(cluster, archive)
        return made

    deploy.operator(Kubectl(_command(cluster)), image)


def load(cluster: str, archive: Path) -> None:
    """Have the images of an archive on the cluster's nodes."""
    _kind("load", "image-archive", str(archive), f"--name={cluster}")
    say(f"the images of {archive.stem} are loaded")


def cleanup(name: str) -> None:
    """Have no kind cluster of that name."""
    _kind("delete", "cluster", f"--name=kuadrant-{name}")
    say(f"the kind cluster kuadrant-{name} is gone")


def _command(cluster: str) -> Callable[..., list[str]]:
    return lambda program, *words: [program, f"--context=kind-{cluster}", *words]


def _kind(*words: str) -> str:
    done = subprocess.run(["kind", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise KindError(f"`kind {' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout
