"""The answer to a request that is over a limit: ``response.overLimit`` (Kuadrant's RFC 0019)."""

import re
from typing import Annotated, Final

from msgspec import Meta, field

from kuadrant.api.complaints import Complaints
from kuadrant.api.document_nodes import quoted
from kuadrant.api.fields import Fields

_PRINTABLE: Final = {"pattern": r"^[ -~]*$", "extra": {"rule": "printable ASCII, on one line"}}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
OF_CONNECTION: Final = frozenset(
    ("connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
"""Headers of a connection, and of how a message is sent."""
_OF_LIMITS: Final = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after")
_GIVEN: Final = frozenset((*OF_CONNECTION, *_OF_LIMITS, "ratelimit", "ratelimit-policy"))
"""What is of the connection, or of the limits, and not for a policy to say."""


_Selector = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=256,
        description="An attribute of the request, such as request.headers.x-user.",
    ),
]
_Expression = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2048,
        description="CEL over the request; what it adds to the texts in it is made harmless.",
    ),
]


class Line(Fields, frozen=True, gc=False, kw_only=True):
    """A text of one line: as it is written, or made of the request."""

    value: Annotated[str, Meta(max_length=256, description="The text itself.", **_PRINTABLE)] | None = None
    selector: _Selector | None = None
    expression: _Expression | None = None


class Body(Fields, frozen=True, gc=False, kw_only=True):
    """The body: a text, written or made of the request, or a problem of RFC 9457."""

    value: Annotated[str, Meta(max_length=2048, description="The text itself.")] | None = None
    selector: _Selector | None = None
    expression: _Expression | None = None
    problem: Annotated[
        bool,
        Meta(description="Whether it is application/problem+json, with the names of the limits in it."),
    ] = False


class OverLimit(Fields, frozen=True, gc=False, kw_only=True):
    """The answer to a request over a limit; without any field it is 429, and `Too Many Requests`."""

    code: Annotated[int, Meta(ge=400, le=599, description="The status; clients of gRPC get 8.")] | None = None
    message: (
        Annotated[Line, Meta(description="The body where there is no other, and the message of gRPC.")] | None
    ) = None
    headers: Annotated[
        dict[str, Line], Meta(max_length=16, description="Headers by name, such as content-type.")
    ] = field(default_factory=dict)
    body: Body | None = None

    @property
    def status(self) -> int:
        """The status of the answer."""
        return 429 if self.code is None else self.code


def over_limit_rule(said: OverLimit) -> Complaints:
    """Yield what a schema cannot say: which headers a policy may set, and that each text is said once."""
    for name in said.headers:
        if not _TOKEN.fullmatch(name):
            yield ("headers", name), "must have the name of a header, of at most 64 characters"
        elif name.lower() in _GIVEN or name.lower().startswith("grpc-"):
            yield ("headers", name), f"{quoted(name)} is not for a policy to say"
    if len({name.lower() for name in said.headers}) < len(said.headers):
        yield ("headers",), "name one header twice: upper and lower case are one"
    lines = ((("headers", name), line) for name, line in said.headers.items())
    for path, one in (*lines, *((("message",), one) for one in (said.message,) if one is not None)):
        if _ways(one) != 1:
            yield path, "must have one of value, selector and expression"
    if said.body is not None and said.body.problem and _ways(said.body):
        yield ("body", "problem"), "has a body of its own: leave out the value"
    elif said.body is not None and _ways(said.body) > 1:
        yield ("body",), "must have one of value, selector and expression"


def _ways(said: Line | Body) -> int:
    return sum(one is not None for one in (said.value, said.selector, said.expression))
