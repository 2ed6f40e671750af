"""The base of all structs of Kubernetes objects, and the constrained strings of their fields.

A constrained string carries its rule twice: as a pattern, for schemas, and as ``extra["rule"]``, the words
that end the sentence "must be ..." when a document breaks it.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct

ANY_OTHER: frozenset[str] = frozenset({"*"})
"""The value of ``Fields.unread`` for an object that may have any field besides those that are read."""


class Fields(Struct, frozen=True, gc=False, kw_only=True, rename="camel", omit_defaults=True):
    """A part of a Kubernetes object: the fields that are read, named as in Kubernetes but in snake case.

    A default is the one that the API server fills in, so that a document that never saw an API server reads
    the same. ``unread`` names the fields that the object has besides: they are accepted and not looked into.
    Any other field is a mistake of the document. ``hints`` say, for names of fields that people confuse, what
    is meant: the words end the sentence about a mistake there.
    """

    unread: ClassVar[frozenset[str]] = frozenset()
    hints: ClassVar[Mapping[str, str]] = {}


LONGEST_EXPRESSION: Final = 4096
"""The most characters of an expression: what reads it is not to be kept busy."""
Expression = Annotated[str, Meta(min_length=1, max_length=LONGEST_EXPRESSION)]


def by_key(field: str) -> dict[str, object]:
    """Return what the schema of a list says whose items are told apart by ``field``.

    It is for ``Meta.extra_json_schema``.
    """
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [field]}


_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"


def _text(longest: int, pattern: str, rule: str, *, shortest: int | None = 1) -> Meta:
    return Meta(min_length=shortest, max_length=longest, pattern=pattern, extra={"rule": rule})


_LABEL_RULE = "lower case letters, digits and '-', with a letter or digit at both ends (DNS-1123 label)"
DnsLabel = Annotated[str, _text(63, rf"^{_LABEL}$", _LABEL_RULE)]
OptionalDnsLabel = Annotated[str, _text(63, rf"^$|^{_LABEL}$", _LABEL_RULE, shortest=None)]
DnsSubdomain = Annotated[
    str,
    _text(
        253,
        rf"^{_SUBDOMAIN}$",
        "lower case letters, digits, '-' and '.', with a letter or digit at both ends of every part "
        "(DNS-1123 subdomain)",
    ),
]
Group = Annotated[
    str,
    _text(
        253,
        rf"^$|^{_SUBDOMAIN}$",
        "an API group such as gateway.networking.k8s.io, or empty for the core group",
        shortest=None,
    ),
]
Kind = Annotated[str, _text(63, r"^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$", "a kind such as HTTPRoute")]
ObjectName = Annotated[str, Meta(min_length=1, max_length=253)]
Hostname = Annotated[
    str,
    _text(
        253,
        rf"^(\*\.)?{_SUBDOMAIN}$",
        "a host name in lower case, such as api.example.com or *.example.com (the '*' only as the whole "
        "first part)",
    ),
]
PreciseHostname = Annotated[
    str,
    _text(253, rf"^{_SUBDOMAIN}$", "a host name in lower case without wildcard, such as api.example.com"),
]
SectionName = DnsSubdomain
PortNumber = Annotated[int, Meta(ge=1, le=65535)]
HeaderName = Annotated[
    str,
    _text(
        256,
        r"^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$",
        "a header name: letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 token)",
    ),
]
Duration = Annotated[
    str,
    Meta(
        max_length=28,  # what the pattern allows anyway; the API server weighs rules by it
        pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$",
        extra={
            "rule": "a duration of one to four parts, each a number of at most five digits and h, m, s or "
            "ms, such as 10s or 1h30m"
        },
    ),
]
LongDuration = Annotated[
    str,
    Meta(
        max_length=28,
        pattern=r"^([0-9]{1,5}(d|h|m|s|ms)){1,4}$",
        extra={
            "rule": "a duration of one to four parts, each a number of at most five digits and d, h, m, s or "
            "ms, such as 10s, 1h30m or 7d"
        },
    ),
]
"""A duration that may have days (of 24 hours), which those of Gateway API have not."""
