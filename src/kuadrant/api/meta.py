"""The fields of every Kubernetes object (``meta/v1``): metadata, conditions, label selectors."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, field

from kuadrant.api.fields import ANY_OTHER, DnsSubdomain, Fields, OptionalDnsLabel


class ObjectMeta(Fields, frozen=True, gc=False, kw_only=True):
    """Name, namespace, labels and the marks of the API server.

    ``creation_timestamp`` and ``deletion_timestamp`` are RFC 3339 texts in UTC, as the API server writes
    them; their order as texts is their order in time. ``namespace`` is empty for kinds without one.
    """

    unread: ClassVar[frozenset[str]] = frozenset(
        {
            "deletionGracePeriodSeconds",
            "finalizers",
            "generateName",
            "managedFields",
            "ownerReferences",
            "resourceVersion",
            "selfLink",
        }
    )

    name: DnsSubdomain
    namespace: OptionalDnsLabel = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    generation: int = 0
    uid: str = ""


class Condition(Fields, frozen=True, gc=False, kw_only=True):
    """One observation of a status (``metav1.Condition``)."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    type: Annotated[str, Meta(description="What is observed.")]
    status: Annotated[Literal["True", "False", "Unknown"], Meta(description="Whether it is so.")]
    reason: Annotated[str, Meta(description="Why, in one word for programs.")] = ""
    message: Annotated[str, Meta(description="Why, for people.")] = ""
    observed_generation: Annotated[
        int, Meta(description="The generation of the object that was looked at.")
    ] = 0
    last_transition_time: (
        Annotated[
            str,
            Meta(
                description="When the status last became another.", extra_json_schema={"format": "date-time"}
            ),
        ]
        | None
    ) = None


class LabelSelectorRequirement(Fields, frozen=True, gc=False, kw_only=True):
    """One condition on a label's value; ``values`` is empty for ``Exists`` and ``DoesNotExist``."""

    key: Annotated[str, Meta(min_length=1)]
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()


class LabelSelector(Fields, frozen=True, gc=False, kw_only=True):
    """Conditions on the labels of an object.

    All conditions hold together, and an empty selector selects everything.
    """

    match_labels: dict[str, str] = field(default_factory=dict)
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


class Object(Fields, frozen=True, gc=False, kw_only=True):
    """A whole Kubernetes object.

    ``api_versions`` are the versions that are read into the struct, the preferred one first; ``namespaced``
    is False for kinds that belong to the whole cluster.
    """

    kind: ClassVar[str]
    api_versions: ClassVar[tuple[str, ...]]
    namespaced: ClassVar[bool] = True

    metadata: ObjectMeta
