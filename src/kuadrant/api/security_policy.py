"""SecurityPolicy (``gateway.envoyproxy.io``), as far as it says whose tokens a gateway authenticates."""

from typing import Any, ClassVar

from kuadrant.api.fields import ANY_OTHER, Fields
from kuadrant.api.meta import Object
from kuadrant.api.request_authentication import AuthenticationTarget


class TokenProvider(Fields, frozen=True, gc=False, kw_only=True):
    """An issuer of tokens; its name is the key of their claims."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    name: str = ""


class TokenAuthentication(Fields, frozen=True, gc=False, kw_only=True):
    """The issuers."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    providers: tuple[TokenProvider, ...] = ()


class SecurityPolicySpec(Fields, frozen=True, gc=False, kw_only=True):
    """Names what the policy is for, and the issuers; of selectors it is only known whether there are any."""

    unread: ClassVar[frozenset[str]] = ANY_OTHER

    target_ref: AuthenticationTarget | None = None
    target_refs: tuple[AuthenticationTarget, ...] = ()
    target_selectors: Any = None
    jwt: TokenAuthentication | None = None

    @property
    def targets(self) -> tuple[AuthenticationTarget, ...]:
        """Return what it names, by either field."""
        return (*self.target_refs, *((self.target_ref,) if self.target_ref else ()))


class SecurityPolicy(Object, frozen=True, gc=False, kw_only=True):
    """Says who may come in at a gateway or a route."""

    kind: ClassVar[str] = "SecurityPolicy"
    api_versions: ClassVar[tuple[str, ...]] = ("gateway.envoyproxy.io/v1alpha1",)

    spec: SecurityPolicySpec = SecurityPolicySpec()
