"""The headers of a request that is over a soft limit: ``softSignal`` of Kuadrant's draft."""

from typing import Annotated, Final

from msgspec import Meta

from kuadrant.api.complaints import Complaints
from kuadrant.api.document_nodes import quoted
from kuadrant.api.fields import Fields, HeaderName
from kuadrant.api.over_limit import OF_CONNECTION

HEADER: Final = "x-kuadrant-limit-exceeded"
"""The header of a soft limit that names none; its value is the name of the limit."""

_TRUSTED: Final = frozenset(("authorization", "cookie", "proxy-authorization", "x-request-id"))
_TRUSTED_PREFIXES: Final = ("grpc-", "sec-", "x-envoy-", "x-forwarded-")
"""What others take from a request on trust: clients' own would be taken away, and told otherwise."""


class SignalHeader(Fields, frozen=True, gc=False, kw_only=True):
    """A header that says that a limit is exceeded."""

    name: Annotated[HeaderName, Meta(description="Its name; what clients send under it is taken away.")]
    value: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=256,
            pattern=r"^[!-~]([ -~]*[!-~])?$",
            extra={"rule": "printable ASCII, on one line and without spaces around it"},
            description="Its value; those of several limits are joined with a comma.",
        ),
    ]


class SoftSignal(Fields, frozen=True, gc=False, kw_only=True):
    """What is added to a request that is over a soft limit."""

    headers: Annotated[
        tuple[SignalHeader, ...], Meta(min_length=1, max_length=8, description="Headers of the request.")
    ]


def soft_signal_rule(said: SoftSignal) -> Complaints:
    """Yield what a schema cannot say: which headers are not for a policy to set."""
    for number, header in enumerate(said.headers):
        name = header.name.lower()
        if name in OF_CONNECTION | _TRUSTED or name.startswith(_TRUSTED_PREFIXES):
            yield ("headers", number, "name"), f"{quoted(header.name)} is not for a policy to say"
