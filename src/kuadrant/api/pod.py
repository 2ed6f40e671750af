"""Pods, as far as it matters which of them are a gateway's: labels, addresses and readiness."""

from typing import ClassVar, Literal

from msgspec import field

from kuadrant.api.fields import ANY_OTHER, Fields
from kuadrant.api.meta import Object


class PodAddress(Fields, frozen=True, gc=False, kw_only=True):
    """One of a pod's IP addresses."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    ip: str = ""


class PodCondition(Fields, frozen=True, gc=False, kw_only=True):
    """What is said of a pod."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    type: str
    status: Literal["True", "False", "Unknown"]


class PodStatus(Fields, frozen=True, gc=False, kw_only=True):
    """Where a pod is reached, and how it is."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    phase: str = ""
    pod_ips: tuple[PodAddress, ...] = field(default=(), name="podIPs")
    conditions: tuple[PodCondition, ...] = ()


class Pod(Object, frozen=True, gc=False, kw_only=True):
    """A pod."""

    kind: ClassVar[str] = "Pod"
    api_versions: ClassVar[tuple[str, ...]] = ("v1",)
    unread: ClassVar[frozenset[str]] = frozenset({"spec"})

    status: PodStatus = PodStatus()

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
        """Whether it takes requests: it is ready and not about to go."""
        return self.metadata.deletion_timestamp is None and any(
            condition.type == "Ready" and condition.status == "True" for condition in self.status.conditions
        )
