"""CLUSTER=kind: the same images and manifests on kind, for people with Docker."""

import os
import shutil
import subprocess
from pathlib import Path

from lab import deploy, images, steps
from lab.kubectl import Kubectl
from lab.progress import say


class KindError(Exception):
    """kind is not installed or refused; the message holds what it said."""


def setup(name: str) -> None:
    """Have a kind cluster kuadrant-`name` with Gateway API, Istio, a gateway and our operator; kubectl's context is set.

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
    context = f"kind-{cluster}"
    kubectl = Kubectl(lambda program, *words: [program, f"--context={context}", *words])
    load(cluster, images.cluster())
    deploy.crds(kubectl)
    steps.apis(kubectl)
    steps.istio(kubectl)
    steps.ready(kubectl)
    deploy.operator(kubectl, lambda: _operator_image(cluster))
    say(f"ready: kubectl --context={context} get pods --all-namespaces")


def load(cluster: str, archive: Path) -> None:
    """Have the images of an archive on the cluster's nodes."""
    _kind("load", "image-archive", str(archive), f"--name={cluster}")
    say(f"the images of {archive.stem} are loaded")


def cleanup(name: str) -> None:
    """Have no kind cluster of that name."""
    _kind("delete", "cluster", f"--name=kuadrant-{name}")
    say(f"the kind cluster kuadrant-{name} is gone")


def _operator_image(cluster: str) -> str:
    name, archive = images.operator()
    load(cluster, archive)
    return name


def _kind(*words: str) -> str:
    done = subprocess.run(["kind", *words], capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        raise KindError(f"`kind {' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout
