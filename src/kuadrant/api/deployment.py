"""A Deployment and a PodDisruptionBudget, as far as it matters which pods they are for."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from kuadrant.api.meta import ObjectMeta


class EnvironmentVariable(Struct, frozen=True):
    """A variable of a container; one that is taken from elsewhere has no value here."""

    name: str = ""
    value: str = ""


class VolumeMount(Struct, frozen=True, rename="camel"):
    """Where a container has a volume."""

    name: str = ""
    mount_path: str = ""


class Container(Struct, frozen=True, rename="camel"):
    """A container, what it may take, and what it is told."""

    name: str = ""
    resources: dict[str, Any] = field(default_factory=dict)
    env: tuple[EnvironmentVariable, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()


class PodTemplateSpec(Struct, frozen=True):
    """The pods that are made."""

    containers: tuple[Container, ...] = ()
    affinity: dict[str, Any] | None = None


class PodTemplate(Struct, frozen=True):
    """Holds the pods that are made."""

    spec: PodTemplateSpec = PodTemplateSpec()


class DeploymentSpec(Struct, frozen=True):
    """How many pods there are, and which."""

    replicas: int = 1
    template: PodTemplate = PodTemplate()


class DeploymentStatus(Struct, frozen=True):
    """What became of it."""

    conditions: tuple[dict[str, Any], ...] = ()


class Deployment(Struct, frozen=True):
    """A Deployment (``apps/v1``)."""

    metadata: ObjectMeta
    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class DisruptionBudgetSpec(Struct, frozen=True, rename="camel", omit_defaults=True):
    """How many pods may be away, or have to stay: numbers or percentages."""

    max_unavailable: int | str | None = None
    min_available: int | str | None = None


class DisruptionBudget(Struct, frozen=True):
    """A PodDisruptionBudget (``policy/v1``)."""

    metadata: ObjectMeta
    spec: DisruptionBudgetSpec = DisruptionBudgetSpec()
