"""The gateway providers that a lab can have, each with its images, its kinds and a gateway."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import envoy_gateway, images, istio
from lab.kubectl import Kubectl
from lab.oci import Image


@dataclass(frozen=True)
class Provider:
    """A gateway provider.

    `programs` are what `images` makes the images of its pods from, `crds` gives the file or folder with its
    kinds, `bring` applies it and its gateway, `ready` waits until that gateway serves.
    """

    programs: tuple[str, ...]
    images: Callable[[], Sequence[Image]]
    crds: Callable[[], Path]
    bring: Callable[[Kubectl], None]
    ready: Callable[[Kubectl], None]


ISTIO = Provider(istio.PROGRAMS, istio.images, istio.crds, istio.bring, istio.ready)
ENVOY_GATEWAY = Provider(
    envoy_gateway.PROGRAMS,
    envoy_gateway.images,
    envoy_gateway.crds,
    envoy_gateway.bring,
    envoy_gateway.ready,
)

CHOICES = {
    "istio": (ISTIO,),
    "envoy-gateway": (ENVOY_GATEWAY,),
    "both": (ISTIO, ENVOY_GATEWAY),
}
"""What `GATEWAY=` can be."""


def archive(gateway: str) -> Path:
    """The archive with the images of the cluster and of the providers that `gateway` names.

    It is one of `CHOICES`.
    """
    return images.cluster(f"cluster-{gateway}", [image for one in CHOICES[gateway] for image in one.images()])
