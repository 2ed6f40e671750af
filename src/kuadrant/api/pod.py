"""Pods, as far as it matters which of them are a gateway's and how they prove it.

Labels, addresses, readiness and tokens.
"""

from typing import ClassVar, Literal

from msgspec import field

from kuadrant.api.fields import ANY_OTHER, Fields
from kuadrant.api.meta import Object


class ServiceAccountToken(Fields, frozen=True, gc=False, kw_only=True):
    """A token of the pod's service account, in a file of a volume."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    path: str
    audience: str = ""


class ProjectedSource(Fields, frozen=True, gc=False, kw_only=True):
    """One of several sources of a volume."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    service_account_token: ServiceAccountToken | None = None


class ProjectedVolume(Fields, frozen=True, gc=False, kw_only=True):
    """A volume with files of several sources."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    sources: tuple[ProjectedSource, ...] | None = None


class Volume(Fields, frozen=True, gc=False, kw_only=True):
    """A volume of a pod."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    name: str
    projected: ProjectedVolume | None = None


class VolumeMount(Fields, frozen=True, gc=False, kw_only=True):
    """The place where a container has a volume."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    name: str
    mount_path: str


class Container(Fields, frozen=True, gc=False, kw_only=True):
    """A container of a pod."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    volume_mounts: tuple[VolumeMount, ...] = ()


class PodSpec(Fields, frozen=True, gc=False, kw_only=True):
    """The parts of a pod."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    volumes: tuple[Volume, ...] = ()
    containers: tuple[Container, ...] = ()


class PodAddress(Fields, frozen=True, gc=False, kw_only=True):
    """One of a pod's IP addresses."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    ip: str = ""


class PodCondition(Fields, frozen=True, gc=False, kw_only=True):
    """A condition of a pod."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    type: str
    status: Literal["True", "False", "Unknown"]


class PodStatus(Fields, frozen=True, gc=False, kw_only=True):
    """The addresses of a pod, and how it is."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    phase: str = ""
    pod_ips: tuple[PodAddress, ...] = field(default=(), name="podIPs")
    conditions: tuple[PodCondition, ...] = ()


class Pod(Object, frozen=True, gc=False, kw_only=True):
    """A pod."""

    kind: ClassVar[str] = "Pod"
    api_versions: ClassVar[tuple[str, ...]] = ("v1",)

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def tokens(self) -> frozenset[tuple[str, str]]:
        """The tokens that its containers have as files.

        Path and audience of each (empty for that of the API server).
        """
        return frozenset(
            (f"{mount.mount_path.rstrip('/')}/{token.path}", token.audience)
            for volume in self.spec.volumes
            if volume.projected is not None
            for source in volume.projected.sources or ()
            if (token := source.service_account_token) is not None
            for container in self.spec.containers
            for mount in container.volume_mounts
            if mount.name == volume.name
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its IP addresses; none as long as it does not run, or not any more."""
        return (
            ()
            if self.status.phase in ("Succeeded", "Failed")
            else tuple(one.ip for one in self.status.pod_ips)
        )

    @property
    def ready(self) -> bool:
        """Tell whether it takes requests: it is ready and not about to go."""
        return self.metadata.deletion_timestamp is None and any(
            condition.type == "Ready" and condition.status == "True" for condition in self.status.conditions
        )
