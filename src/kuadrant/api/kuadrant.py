"""Kuadrant (``kuadrant.io/v1beta1``): one installation."""

from typing import Annotated, Any, ClassVar, Final

from msgspec import Meta

from kuadrant.api.fields import ANY_OTHER, Fields, by_key
from kuadrant.api.meta import Condition, Object, ObjectMeta
from kuadrant.api.response import Response


class PodDisruptionBudget(Fields, frozen=True, gc=False, kw_only=True):
    """The pods that may be away at a time: numbers or percentages."""

    max_unavailable: (
        Annotated[int | str, Meta(description="How many may be away; not together with minAvailable.")] | None
    ) = None
    min_available: Annotated[int | str, Meta(description="How many have to stay.")] | None = None


class LimitadorSettings(Fields, frozen=True, gc=False, kw_only=True):
    """The settings that are passed on to the Limitador resource."""

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

    debug: Annotated[str, Meta(description="When everything is logged.")] | None = None
    info: Annotated[str, Meta(description="When what happens is logged.")] | None = None
    warn: Annotated[str, Meta(description="When what is unusual is logged.")] | None = None
    error: Annotated[str, Meta(description="When only errors are logged.")] | None = None


class DataPlane(Fields, frozen=True, gc=False, kw_only=True):
    """The logging of the data plane."""

    default_levels: Annotated[
        tuple[DataPlaneLevel, ...], Meta(description="The levels; the first that applies is used.")
    ] = ()
    http_header_identifier: (
        Annotated[str, Meta(description="The header that tells requests apart in the log.")] | None
    ) = None


class Tracing(Fields, frozen=True, gc=False, kw_only=True):
    """The place where traces go."""

    default_endpoint: Annotated[str, Meta(description="The collector, as a URL.")] = ""
    insecure: Annotated[bool, Meta(description="Whether the collector is reached without TLS.")] = False


class Observability(Fields, frozen=True, gc=False, kw_only=True):
    """Monitors, logs and traces."""

    enable: Annotated[bool, Meta(description="Whether monitors are made.")] = False
    data_plane: DataPlane | None = None
    tracing: Tracing | None = None


class MutualTLS(Fields, frozen=True, gc=False, kw_only=True):
    """Mutual TLS between gateways and services; a component's own flag goes before ``enable``."""

    enable: Annotated[bool, Meta(description="Whether it is used.")] = False
    authorino: Annotated[bool, Meta(description="Whether it is used with Authorino.")] | None = None
    limitador: Annotated[bool, Meta(description="Whether it is used with Limitador.")] | None = None


class DeveloperPortal(Fields, frozen=True, gc=False, kw_only=True):
    """The developer portal."""

    enabled: Annotated[bool, Meta(description="Whether it is installed.")] = False


class Components(Fields, frozen=True, gc=False, kw_only=True):
    """Optional parts."""

    developer_portal: DeveloperPortal | None = None


class KuadrantSpec(Fields, frozen=True, gc=False, kw_only=True):
    """The union of what the releases of ``v1beta1`` know; everything is optional."""

    limitador: LimitadorSettings | None = None
    observability: Observability | None = None
    mtls: MutualTLS | None = None
    components: Components | None = None
    identity: (
        Annotated[
            str,
            Meta(
                description="Where gateways that do not say it have the identity of a request from: jwt, "
                "jwt:PROVIDER, header:NAME, mtls or none.",
                pattern=r"^(jwt(:.+)?|header:[!#$%&'*+.^_`|~0-9A-Za-z-]+|mtls|none)$",
                extra={"rule": "jwt, jwt:PROVIDER, header:NAME, mtls or none"},
            ),
        ]
        | None
    ) = None
    response: Response | None = None


class KuadrantStatus(Fields, frozen=True, gc=False, kw_only=True):
    """The operator's words on the installation."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    observed_generation: Annotated[
        int, Meta(description="The generation of the object that the conditions are about.")
    ] = 0
    conditions: Annotated[
        tuple[Condition, ...],
        Meta(description="Ready: whether policies can be enforced.", extra_json_schema=by_key("type")),
    ] = ()
    mtls_authorino: (
        Annotated[bool, Meta(description="Whether Authorino is reached by mutual TLS.")] | None
    ) = None
    mtls_limitador: (
        Annotated[bool, Meta(description="Whether Limitador is reached by mutual TLS.")] | None
    ) = None


FINALIZER: Final = "kuadrant.io/limiting"
"""Keeps a Kuadrant that is deleted until no gateway asks for limits any more."""


class KuadrantMetadata(ObjectMeta, frozen=True, gc=False, kw_only=True):
    """Metadata with the names of those for whom the object stays while it is deleted."""

    unread: ClassVar[frozenset[str]] = ObjectMeta.unread - {"finalizers"}

    finalizers: tuple[str, ...] = ()


class Kuadrant(Object, frozen=True, gc=False, kw_only=True):
    """An installation of Kuadrant."""

    kind: ClassVar[str] = "Kuadrant"
    api_versions: ClassVar[tuple[str, ...]] = ("kuadrant.io/v1beta1",)

    metadata: KuadrantMetadata
    spec: KuadrantSpec = KuadrantSpec()
    status: KuadrantStatus = KuadrantStatus()
