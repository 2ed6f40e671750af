"""The answer to a request that is over a limit: ``response.overLimit`` (Kuadrant's RFC 0019)."""

import re
from typing import Annotated, Final

from msgspec import Meta, field

from kuadrant.api.complaints import Complaints
from kuadrant.api.document_nodes import quoted
from kuadrant.api.fields import Fields

_PRINTABLE: Final = {"pattern": r"^[ -~]*$", "extra": {"rule": "printable ASCII, on one line"}}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_OF_CONNECTION: Final = ("connection", "content-length", "host", "keep-alive", "te", "trailer")
_OF_LIMITS: Final = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after")
_GIVEN: Final = frozenset(
    (*_OF_CONNECTION, "transfer-encoding", "upgrade", *_OF_LIMITS, "ratelimit", "ratelimit-policy")
)
"""What is of the connection, or of the limits, and not for a policy to say."""


class Line(Fields, frozen=True, gc=False, kw_only=True):
    """A text of one line."""

    value: Annotated[str, Meta(max_length=256, description="The text itself.", **_PRINTABLE)]


class Body(Fields, frozen=True, gc=False, kw_only=True):
    """The body: a text, or a problem of RFC 9457."""

    value: Annotated[str, Meta(max_length=2048, description="The text itself.")] | None = None
    problem: Annotated[
        bool,
        Meta(description="Whether it is application/problem+json, with the names of the limits in it."),
    ] = False


class OverLimit(Fields, frozen=True, gc=False, kw_only=True):
    """What is not said is as without it: 429, and `Too Many Requests`."""

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
    """Yield what a schema cannot say: which names are those of headers that a policy may set."""
    for name in said.headers:
        if not _TOKEN.fullmatch(name):
            yield ("headers", name), "must have the name of a header, of at most 64 characters"
        elif name.lower() in _GIVEN or name.lower().startswith("grpc-"):
            yield ("headers", name), f"{quoted(name)} is not for a policy to say"
    if len({name.lower() for name in said.headers}) < len(said.headers):
        yield ("headers",), "name one header twice: upper and lower case are one"
    if said.body is not None and said.body.problem and said.body.value is not None:
        yield ("body", "problem"), "has a body of its own: leave out the value"
