"""Kuadrant (``kuadrant.io/v1beta1``): one installation."""

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from kuadrant.api.fields import ANY_OTHER, Fields
from kuadrant.api.meta import Condition, Object


class PodDisruptionBudget(Fields, frozen=True, gc=False, kw_only=True):
    """How many pods may be away at a time: numbers or percentages."""

    max_unavailable: int | str | None = None
    min_available: int | str | None = None


class LimitadorSettings(Fields, frozen=True, gc=False, kw_only=True):
    """What is passed on to the Limitador resource."""

    affinity: (
        Annotated[dict[str, Any], Meta(description="Affinity of the pods, as in a pod's specification.")]
        | None
    ) = None
    replicas: Annotated[int, Meta(ge=0, le=2**31 - 1, description="Number of pods.")] | None = None
    resource_requirements: (
        Annotated[dict[str, Any], Meta(description="Requests and limits of the container.")] | None
    ) = None
    pdb: PodDisruptionBudget | None = None
    storage: (
        Annotated[dict[str, Any], Meta(description="Where counters are kept; in memory without.")] | None
    ) = None


class DataPlaneLevel(Fields, frozen=True, gc=False, kw_only=True):
    """A log level of the data plane and the CEL predicate that says when it applies."""

    debug: str | None = None
    info: str | None = None
    warn: str | None = None
    error: str | None = None


class DataPlane(Fields, frozen=True, gc=False, kw_only=True):
    """What the data plane logs."""

    default_levels: tuple[DataPlaneLevel, ...] = ()
    http_header_identifier: str | None = None


class Tracing(Fields, frozen=True, gc=False, kw_only=True):
    """Where traces go."""

    default_endpoint: str = ""
    insecure: bool = False


class Observability(Fields, frozen=True, gc=False, kw_only=True):
    """Monitors, logs and traces."""

    enable: bool = False
    data_plane: DataPlane | None = None
    tracing: Tracing | None = None


class MutualTLS(Fields, frozen=True, gc=False, kw_only=True):
    """Mutual TLS between gateways and services; a component's own flag goes before ``enable``."""

    enable: bool = False
    authorino: bool | None = None
    limitador: bool | None = None


class DeveloperPortal(Fields, frozen=True, gc=False, kw_only=True):
    """The developer portal."""

    enabled: bool = False


class Components(Fields, frozen=True, gc=False, kw_only=True):
    """Optional parts."""

    developer_portal: DeveloperPortal | None = None


class KuadrantSpec(Fields, frozen=True, gc=False, kw_only=True):
    """The union of what the releases of ``v1beta1`` know; everything is optional."""

    limitador: LimitadorSettings | None = None
    observability: Observability | None = None
    mtls: MutualTLS | None = None
    components: Components | None = None


class KuadrantStatus(Fields, frozen=True, gc=False, kw_only=True):
    """What the operator says of the installation."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    mtls_authorino: bool | None = None
    mtls_limitador: bool | None = None


class Kuadrant(Object, frozen=True, gc=False, kw_only=True):
    """An installation of Kuadrant."""

    kind: ClassVar[str] = "Kuadrant"
    api_versions: ClassVar[tuple[str, ...]] = ("kuadrant.io/v1beta1",)

    spec: KuadrantSpec = KuadrantSpec()
    status: KuadrantStatus = KuadrantStatus()
