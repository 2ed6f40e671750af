"""RequestAuthentication (``security.istio.io``): whose tokens a gateway takes."""

from typing import Annotated, Any, ClassVar

from msgspec import Meta, field

from kuadrant.api.fields import Fields
from kuadrant.api.meta import Object


class TokenHeader(Fields, frozen=True, gc=False, kw_only=True):
    """A header that tokens are in, behind a prefix."""

    name: Annotated[str, Meta(min_length=1)]
    prefix: str = ""


class JWTRule(Fields, frozen=True, gc=False, kw_only=True):
    """An issuer of tokens.

    Tokens are in the header ``Authorization`` or the parameter ``access_token`` unless it says otherwise.
    ``jwks`` is the text of its keys; of some of the rest it is only known whether it is there.
    """

    unread: ClassVar[frozenset[str]] = frozenset({"timeout"})

    issuer: Annotated[str, Meta(min_length=1)]
    audiences: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    jwks: str | None = None
    jwks_uri: str | None = None
    from_headers: tuple[TokenHeader, ...] = ()
    from_params: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    from_cookies: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    forward_original_token: bool = False
    space_delimited_claims: tuple[str, ...] = ()
    output_payload_to_header: Any = None
    output_claim_to_headers: Any = None


class AuthenticationTarget(Fields, frozen=True, gc=False, kw_only=True):
    """Names the object at which tokens are checked."""

    group: str = ""
    kind: str
    name: str
    namespace: str | None = None


class WorkloadSelector(Fields, frozen=True, gc=False, kw_only=True):
    """The labels of the pods that tokens are checked at."""

    match_labels: dict[str, str] = field(default_factory=dict)


class RequestAuthenticationSpec(Fields, frozen=True, gc=False, kw_only=True):
    """The issuers, and what they are for: without anything everything of the namespace."""

    selector: WorkloadSelector | None = None
    target_ref: AuthenticationTarget | None = None
    target_refs: tuple[AuthenticationTarget, ...] = ()
    jwt_rules: tuple[JWTRule, ...] = ()

    @property
    def targets(self) -> tuple[AuthenticationTarget, ...]:
        """Return what it names, by either field."""
        return (*self.target_refs, *((self.target_ref,) if self.target_ref else ()))


class RequestAuthentication(Object, frozen=True, gc=False, kw_only=True):
    """Tokens that are taken: one that is there has to be sound, and none need be there."""

    kind: ClassVar[str] = "RequestAuthentication"
    api_versions: ClassVar[tuple[str, ...]] = ("security.istio.io/v1", "security.istio.io/v1beta1")

    spec: RequestAuthenticationSpec = RequestAuthenticationSpec()
