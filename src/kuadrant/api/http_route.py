"""HTTPRoute (``gateway.networking.k8s.io``)."""

from typing import Annotated, ClassVar, Literal

from msgspec import Meta
from msgspec.structs import force_setattr

from kuadrant.api.fields import (
    Duration,
    Fields,
    HeaderName,
    Hostname,
    PortNumber,
    PreciseHostname,
    SectionName,
    by_key,
)
from kuadrant.api.meta import Object
from kuadrant.api.route import (
    BackendObjectReference,
    HeaderFilter,
    HeaderMatch,
    LocalObjectReference,
    ParentReference,
    RequestMirrorFilter,
    RouteStatus,
)

HTTPMethod = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]


class HTTPPathMatch(Fields, frozen=True, gc=False, kw_only=True):
    """A condition on the path; a prefix holds on segment boundaries."""

    type: Annotated[
        Literal["Exact", "PathPrefix", "RegularExpression"], Meta(description="How the path compares.")
    ] = "PathPrefix"
    value: Annotated[str, Meta(max_length=1024, description="The path, prefix or regular expression.")] = "/"


class HTTPQueryParamMatch(Fields, frozen=True, gc=False, kw_only=True):
    """A query parameter that a request must carry; names compare exactly."""

    type: Annotated[Literal["Exact", "RegularExpression"], Meta(description="How the value compares.")] = (
        "Exact"
    )
    name: Annotated[HeaderName, Meta(description="The parameter's name.")]
    value: Annotated[str, Meta(min_length=1, max_length=1024, description="What its value has to be.")]


class HTTPRouteMatch(Fields, frozen=True, gc=False, kw_only=True):
    """Conditions on a request; all parts hold together.

    The API server fills in the path ``{PathPrefix, /}`` where there is none, also in a route selector of a
    ``kuadrant.io/v1beta2`` policy, which therefore selects only rules with that very path.
    """

    path: HTTPPathMatch = HTTPPathMatch()
    headers: Annotated[
        tuple[HeaderMatch, ...],
        Meta(
            max_length=16,
            description="Headers, all of which must be there.",
            extra_json_schema=by_key("name"),
        ),
    ] = ()
    query_params: Annotated[
        tuple[HTTPQueryParamMatch, ...],
        Meta(
            max_length=16,
            description="Query parameters, all of which must be there.",
            extra_json_schema=by_key("name"),
        ),
    ] = ()
    method: Annotated[HTTPMethod, Meta(description="The method, in upper case.")] | None = None


class HTTPPathModifier(Fields, frozen=True, gc=False, kw_only=True):
    """A new path: the whole of it, or in place of the prefix that matched."""

    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"]
    replace_full_path: Annotated[str, Meta(max_length=1024)] | None = None
    replace_prefix_match: Annotated[str, Meta(max_length=1024)] | None = None


class HTTPRequestRedirectFilter(Fields, frozen=True, gc=False, kw_only=True):
    """Answers with a redirect; what is absent stays as in the request."""

    scheme: Literal["http", "https"] | None = None
    hostname: PreciseHostname | None = None
    path: HTTPPathModifier | None = None
    port: PortNumber | None = None
    status_code: Literal[301, 302, 303, 307, 308] = 302


class HTTPURLRewriteFilter(Fields, frozen=True, gc=False, kw_only=True):
    """Changes host name and path on the way to the backend."""

    hostname: PreciseHostname | None = None
    path: HTTPPathModifier | None = None


class HTTPCORSFilter(Fields, frozen=True, gc=False, kw_only=True):
    """Answers preflight requests and marks responses for other origins."""

    allow_origins: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    allow_credentials: bool = False
    allow_methods: Annotated[tuple[str, ...], Meta(max_length=9)] = ()
    allow_headers: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    expose_headers: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    max_age: Annotated[int, Meta(ge=1)] = 5


class HTTPRouteFilter(Fields, frozen=True, gc=False, kw_only=True):
    """A change to requests or responses; the field that belongs to ``type`` is set and no other."""

    unread: ClassVar[frozenset[str]] = frozenset({"externalAuth"})

    type: Literal[
        "RequestHeaderModifier",
        "ResponseHeaderModifier",
        "RequestMirror",
        "RequestRedirect",
        "URLRewrite",
        "ExtensionRef",
        "CORS",
        "ExternalAuth",
    ]
    request_header_modifier: HeaderFilter | None = None
    response_header_modifier: HeaderFilter | None = None
    request_mirror: RequestMirrorFilter | None = None
    request_redirect: HTTPRequestRedirectFilter | None = None
    url_rewrite: HTTPURLRewriteFilter | None = None
    extension_ref: LocalObjectReference | None = None
    cors: HTTPCORSFilter | None = None


class HTTPBackendRef(BackendObjectReference, frozen=True, gc=False, kw_only=True):
    """A backend and its share of the rule's requests, in proportion to the sum of all weights."""

    weight: Annotated[int, Meta(ge=0, le=1_000_000)] = 1
    filters: Annotated[tuple[HTTPRouteFilter, ...], Meta(max_length=16)] = ()


class HTTPRouteTimeouts(Fields, frozen=True, gc=False, kw_only=True):
    """The time that a request may take, and one attempt at a backend; ``0s`` means without end."""

    request: Duration | None = None
    backend_request: Duration | None = None


class HTTPRouteRule(Fields, frozen=True, gc=False, kw_only=True):
    """Requests that fulfil one of ``matches``, and what happens to them.

    There is always at least one match.
    """

    unread: ClassVar[frozenset[str]] = frozenset({"retry", "sessionPersistence"})

    name: SectionName | None = None
    matches: Annotated[tuple[HTTPRouteMatch, ...], Meta(max_length=64)] = (HTTPRouteMatch(),)
    filters: Annotated[tuple[HTTPRouteFilter, ...], Meta(max_length=16)] = ()
    backend_refs: Annotated[tuple[HTTPBackendRef, ...], Meta(max_length=16)] = ()
    timeouts: HTTPRouteTimeouts = HTTPRouteTimeouts()

    def __post_init__(self) -> None:
        """Read an empty list as Gateway API means it: every request."""
        if not self.matches:
            force_setattr(self, "matches", (HTTPRouteMatch(),))


class HTTPRouteSpec(Fields, frozen=True, gc=False, kw_only=True):
    """The gateways, host names and rules of a route."""

    unread: ClassVar[frozenset[str]] = frozenset({"useDefaultGateways"})

    parent_refs: Annotated[tuple[ParentReference, ...], Meta(max_length=32)] = ()
    hostnames: Annotated[tuple[Hostname, ...], Meta(max_length=16)] = ()
    rules: Annotated[tuple[HTTPRouteRule, ...], Meta(min_length=1, max_length=16)] = (HTTPRouteRule(),)


class HTTPRoute(Object, frozen=True, gc=False, kw_only=True):
    """Sends HTTP requests of a gateway to backends."""

    kind: ClassVar[str] = "HTTPRoute"
    api_versions: ClassVar[tuple[str, ...]] = (
        "gateway.networking.k8s.io/v1",
        "gateway.networking.k8s.io/v1beta1",
    )

    spec: HTTPRouteSpec = HTTPRouteSpec()
    status: RouteStatus = RouteStatus()
