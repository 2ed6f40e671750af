"""The headers and answers that clients get: a field of a policy, and of ``kuadrant.io/extensions``."""

from typing import Annotated, Final, Literal

from msgspec import Meta

from kuadrant.api.fields import Fields
from kuadrant.api.over_limit import OverLimit

HeaderForm = Literal["None", "Draft03", "RateLimit", "Both"]
HEADERS: Final = ("Draft03", "RateLimit", "Both")
"""The forms of headers that are any."""
HEADERS_KEY: Final = "kuadrant:headers"
"""The key of the descriptor entry by which a gateway asks for a form; no attribute has such a name.

Services that do not know it take it for an entry that no limit asks for.
"""

FIELDS_TOO: Final = "FieldsToo"
"""What it has to be asked for to get the fields RateLimit beside what it sends of itself."""
READS: Final = "responseHeaders"
"""The word by which a rate limit service says that it knows such an entry."""


class Response(Fields, frozen=True, gc=False, kw_only=True):
    """What is said of it in one place; None is left to the next one."""

    headers: (
        Annotated[
            HeaderForm,
            Meta(
                description=(
                    "The headers that tell of limits: RateLimit and RateLimit-Policy of the IETF's draft "
                    "(RateLimit), x-ratelimit-limit, -remaining and -reset (Draft03), Both, or None."
                )
            ),
        ]
        | None
    ) = None
    retry_after: (
        Annotated[bool, Meta(description="Whether a refusal says when to come again; true by default.")]
        | None
    ) = None
    preflights: (
        Annotated[
            Literal["Exempt", "Count"],
            Meta(
                description=(
                    "Whether preflights of browsers (OPTIONS with origin and access-control-request-method) "
                    "count; they are exempt by default."
                )
            ),
        ]
        | None
    ) = None

    over_limit: Annotated[OverLimit, Meta(description="What a request gets that is over a limit.")] | None = (
        None
    )
