"""Two tenants on one gateway: one who is honest, and one who asks for all that he may have.

Plain documents.

Their objects are the same in a folder and in a cluster; only the Gateway and what is behind the routes
differ.
"""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Document = dict[str, Any]

HONEST, HOSTILE, PLAIN = "honest", "hostile", "plain"
"""Their namespaces. Of ``PLAIN`` are routes without policies, to compare with."""
NOBODY = "nobody"
MOST = 200
"""What each user of the honest tenant may ask for in an hour."""
SHUT, OPEN = 0, 1_000_000
DEAR: Final = ("rates", "conditions", "patterns", "values", "more-rates", "yet-more-rates", "most-rates")
"""The hostile tenant's policies, by what is dear about each."""
_FREE: Final = [{"limit": OPEN, "window": "1h"}]
_PATH: Final = "/" + "".join(random.Random(7).choices("ab", k=40_000))
"""Of what a hostile client asks for.

As long as fits among the headers, and the worst that there is for the patterns.
"""


def host(namespace: str, name: str) -> str:
    """Where a tenant's route is reached."""
    return f"{name}.{namespace}.example"


def route(namespace: str, name: str, gateway: Document, backend: Document, *, hostname: str = "") -> Document:
    """A tenant's route on the gateway."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "parentRefs": [gateway],
            "hostnames": [hostname or host(namespace, name)],
            "rules": [{"backendRefs": [backend]}],
        },
    }


def policy(namespace: str, name: str, limits: Document) -> Document:
    """A tenant's policy for his route of the same name."""
    target = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": name}
    return {
        "apiVersion": "kuadrant.io/v1",
        "kind": "RateLimitPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"targetRef": target, "limits": limits},
    }


def honest() -> list[Document]:
    """The honest tenant's policies: one that counts each user, and one that is edited."""
    counted = {
        "rates": [{"limit": MOST, "window": "1h"}],
        "counters": [{"expression": "request.headers['x-user']"}],
    }
    # By whom it is seen that the policy is in force.
    nobody = {
        "rates": [{"limit": SHUT, "window": "1h"}],
        "when": [{"predicate": f"request.headers['x-user'] == '{NOBODY}'"}],
    }
    return [
        policy(HONEST, "counted", {"users": counted, "nobody": nobody}),
        policy(HONEST, "edited", edited(0)),
    ]


def edited(edit: int) -> Document:
    """The limits of a policy after so many edits.

    Under another name each time, and shut after each odd one.
    """
    return {f"l{edit}": {"rates": [{"limit": SHUT if edit % 2 else OPEN, "window": "24h"}]}}


def hostile(edit: int = 0) -> list[Document]:
    """The hostile tenant's policies after so many edits of them all.

    Together what a namespace may have, each what a policy may.
    """
    rates = [{"limit": OPEN, "window": f"{seconds}s"} for seconds in range(10, 26)]
    counters = [{"expression": f"request.headers['x-{number}']"} for number in range(6)]
    many = {f"l{edit}-{number}": {"rates": rates, "counters": counters} for number in range(8)}
    limits: dict[str, Document] = {
        "conditions": {
            f"l{edit}-{number}": {
                "rates": _FREE,
                "when": [_not(f"contains('{number}-{one}')") for one in range(16)],
            }
            for number in range(16)
        },
        # What RE2 can only go through state by state.
        "patterns": {
            f"l{edit}-{number}": {"rates": _FREE, "when": [_not("matches('(a|b)*a(a|b){16}c')")]}
            for number in range(10)
        },
        "values": {f"l{edit}": {"rates": rates, "counters": [{"expression": "request.headers['x-id']"}]}},
    }
    return [policy(HOSTILE, name, limits.get(name, many)) for name in DEAR]


def _not(call: str) -> Document:
    return {"predicate": f"!request.path.{call}"}


def requests(namespace: str, name: str, user: str = "") -> Iterator[bytes]:
    """What a client sends to a tenant's route, one after the other without an end.

    The hostile one's are as dear as they can be.
    """
    path = _PATH if namespace != HONEST and name in ("conditions", "patterns") else "/"
    headers = "".join(f"x-{one}: v\r\n" for one in range(6)) + f"x-user: {user}\r\n"
    for number in itertools.count():
        head = f"GET {path} HTTP/1.1\r\nhost: {host(namespace, name)}\r\n"
        yield f"{head}{headers}x-id: {number}\r\n\r\n".encode()
