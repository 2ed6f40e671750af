"""Lists the objects of an installation, as `config/default` has them, and those that the operator makes."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Resource(Struct, frozen=True):
    """A kind of object, and where the API server serves it; ``group`` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of an object, or without a name that of all of them (of a namespace)."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


_APPS: Final = Resource("apps", "v1", "deployments", "Deployment")
_SERVICES: Final = Resource("", "v1", "services", "Service")
_NETWORK: Final = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
_BUDGETS: Final = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
_RBAC: Final = "rbac.authorization.k8s.io"
_ROLES: Final = Resource(_RBAC, "v1", "roles", "Role")
_ROLE_BINDINGS: Final = Resource(_RBAC, "v1", "rolebindings", "RoleBinding")
_CLUSTER_ROLES: Final = Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
_CLUSTER_ROLE_BINDINGS: Final = Resource(
    _RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False
)
_SECRETS: Final = Resource("", "v1", "secrets", "Secret")
_LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
_ADMISSION: Final = "admissionregistration.k8s.io"
DEFINITIONS: Final = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
PODS: Final = Resource("", "v1", "pods", "Pod")
KUADRANTS: Final = Resource("kuadrant.io", "v1beta1", "kuadrants", "Kuadrant")
POLICIES: Final = Resource("kuadrant.io", "v1", "ratelimitpolicies", "RateLimitPolicy")

OPERATOR: Final = "kuadrant-operator-controller-manager"
_LEADER: Final = "kuadrant-operator-leader-election"
_MANAGER: Final = "kuadrant-operator-manager"
_SERVICE: Final = "kuadrant-ratelimit"

Named = tuple[Resource, str]
"""An object by its kind and name, in the namespace of the installation where the kind has one."""

OF_OPERATOR: Final[tuple[Named, ...]] = (
    (_APPS, OPERATOR),
    (_SERVICES, f"{OPERATOR}-wasm-shim-service"),
    (_SERVICES, f"{OPERATOR}-push-service"),
    (_SERVICES, f"{OPERATOR}-metrics-service"),
    (_SERVICES, "kuadrant-operator-metrics"),
    (_BUDGETS, OPERATOR),
    (_NETWORK, OPERATOR),
    (_CLUSTER_ROLE_BINDINGS, f"{_MANAGER}-rolebinding"),
    (_CLUSTER_ROLES, f"{_MANAGER}-role"),
    (_ROLE_BINDINGS, f"{_LEADER}-rolebinding"),
    (_ROLES, f"{_LEADER}-role"),
    (_ACCOUNTS, OPERATOR),
    (_LEASES, "f139389e.kuadrant.io"),
    (_SECRETS, "kuadrant-push-server"),
)
"""What the operator is made of, the operator itself first, and what it makes for itself."""

OF_SERVICE: Final[tuple[Named, ...]] = (
    (_APPS, _SERVICE),
    (_SERVICES, "limitador-limitador"),
    (_BUDGETS, _SERVICE),
    (_NETWORK, _SERVICE),
    (_ROLE_BINDINGS, _SERVICE),
    (_ROLES, _SERVICE),
    (_ACCOUNTS, _SERVICE),
    (_SECRETS, "kuadrant-ratelimit-key"),
)
"""What the rate limit service is made of."""

OF_DEFINITIONS: Final[tuple[Named, ...]] = (
    (_CLUSTER_ROLES, "kuadrant-operator-ratelimitpolicy-editor-role"),
    (_CLUSTER_ROLES, "kuadrant-operator-ratelimitpolicy-viewer-role"),
    (
        Resource(
            _ADMISSION,
            "v1",
            "validatingadmissionpolicybindings",
            "ValidatingAdmissionPolicyBinding",
            namespaced=False,
        ),
        "ratelimitpolicies.kuadrant.io",
    ),
    (
        Resource(
            _ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
        ),
        "ratelimitpolicies.kuadrant.io",
    ),
    (DEFINITIONS, "ratelimitpolicies.kuadrant.io"),
    (DEFINITIONS, "kuadrants.kuadrant.io"),
    (DEFINITIONS, "limitadors.limitador.kuadrant.io"),
)
"""Our kinds, what holds policies to more than their schema, and who may edit them."""

LIMITADORS: Final = "limitadors.limitador.kuadrant.io"
"""A definition that the limitador-operator has, too: it is ours only where it has our label."""
OURS: Final = ("app", "kuadrant")
"""The label of everything of ours whose name others may have as well."""
