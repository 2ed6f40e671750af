"""The form of a ``*.kuadrant-test.yaml``: tests of policies as steps in time, and what is expected.

``docs/policy-tests.md`` tells it to people.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

from kuadrant.api.document_nodes import Node, find
from kuadrant.api.fields import Fields, LongDuration, PortNumber
from kuadrant.api.problem import Path

MOST_TIMES = 10_000
"""How often a step may send its request."""
MOST_REQUESTS = 1_000_000
"""How many requests a file may ask for; some minutes of them."""
LONGEST = 10 * 366 * 86_400_000
"""How far a test may go from its beginning, in milliseconds."""

_PLAIN = r"[A-Za-z0-9\-._~!$&'()*+,;=:@%]"

Host = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        pattern=r"^[A-Za-z0-9\-._~%:\[\]]+$",
        extra={"rule": "a host name as a client sends it, such as api.toystore.com (a port may follow it)"},
    ),
]
Method = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=32,
        pattern=r"^[A-Z][A-Z_\-]*$",
        extra={"rule": "a method in capital letters, such as GET"},
    ),
]
RequestPath = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=8192,
        pattern=rf"^(/{_PLAIN}*)+(\?[!-\"$-~]*)?$",
        extra={
            "rule": "a path such as /toys or /toys?page=1, other characters percent-encoded (a space as %20)"
        },
    ),
]
Source = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[0-9A-Fa-f.:\[\]]+$",
        extra={
            "rule": "an IP address such as 10.0.0.7, a port may follow it (10.0.0.7:4711, [2001:db8::7]:4711)"
        },
    ),
]
Moment = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        extra={"rule": "a moment such as 2026-01-02T03:04:05Z"},
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=253)]


class AskedRequest(Fields, frozen=True, gc=False, kw_only=True):
    """A request as a client sends it.

    ``jwt`` are the claims of a token that the gateway has verified; ``jwt_provider`` is the name under which
    its filter keeps them.
    """

    host: Host
    method: Method = "GET"
    path: RequestPath = "/"
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    source: Source | None = None
    jwt: dict[str, Any] | None = None
    jwt_provider: Name = "payload"


class Expectation(Fields, frozen=True, gc=False, kw_only=True):
    """The answer that a step's requests are to get.

    ``rule``, ``policies`` and ``asked`` hold for each of them, ``limited_by`` for each that is over a limit,
    of which there is at least one, ``remaining``, ``headers`` and ``signals`` after the last: these are all
    the headers by which it says that it is over soft limits.
    """

    status: Any = None
    limited_by: Name | None = None
    rule: Name | None = None
    policies: tuple[Name, ...] | None = None
    remaining: Annotated[int, Meta(ge=0)] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    asked: bool | None = None
    signals: dict[str, str] | None = None


class Step(Fields, frozen=True, gc=False, kw_only=True):
    """A request, sent once or several times, with what is expected of it; or only time that passes.

    ``at`` is since the beginning of the test, ``advance`` since the step before.
    """

    hints: ClassVar[Mapping[str, str]] = dict.fromkeys(("at", "advance"), "write a time as 10s or 1m30s")

    at: LongDuration | None = None
    advance: LongDuration | None = None
    request: AskedRequest | None = None
    times: Annotated[int, Meta(ge=1, le=MOST_TIMES)] | None = None
    expect: Expectation | None = None


class Case(Fields, frozen=True, gc=False, kw_only=True):
    """One test: its steps begin with fresh counters at the time 0.

    ``begins`` is the moment that the time 0 is; without it no request has a ``request.time`` that is known.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    begins: Moment | None = None
    steps: Annotated[tuple[Step, ...], Meta(min_length=1)]


class PolicyTests(Fields, frozen=True, gc=False, kw_only=True):
    """The whole of a file.

    ``policies`` are files and folders, seen from the folder of the file, which is the default. ``gateway``
    and ``port`` tell which is asked, where the policies have several.
    """

    policies: Annotated[tuple[Name, ...], Meta(min_length=1)] | None = None
    gateway: Name | None = None
    port: PortNumber | None = None
    tests: Annotated[tuple[Case, ...], Meta(min_length=1)]


class PolicyTestFile(Struct, frozen=True, gc=False):
    """A file that was read without a mistake; ``node`` is its text, with places."""

    path: str
    tests: PolicyTests
    node: Node

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column of a field, or of the nearest one above it."""
        node = find(self.node, path)
        return node.line, node.column
