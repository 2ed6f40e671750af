"""Kuadrant's user guides: their policies are accepted, and limit as the guides say.

By :func:`kuadrant.reference_model.decide` and by a real Envoy, which are asked the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from msgspec import structs

from kuadrant import wasm
from kuadrant.standalone.folder_files import read
from kuadrant.standalone.plan import Before, Mistakes, plan
from kuadrant.standalone.translate import surroundings
from tests.listener_certificates import NOW

from .comparison import compare
from .generator import Case
from .guides import Guide, Promise, guides

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Reality
    from .generator import Asked, Document

pytestmark = pytest.mark.e2e

ENOUGH = 12
"""So many requests are more than any limit here admits."""
LIMIT: dict[str, Any] = {"rates": [{"limit": 5, "window": "10s"}]}
REFUSED = {
    # Who authenticated: nothing here does.
    "auth.identity.user == 'ben'": "there is no 'auth.identity.user': nothing here authenticates requests",
    "'toys' in auth.identity.teams": "there is no 'auth.identity.teams': nothing here authenticates requests",
    # What the gateway does not have.
    "source.id == source.address": "source has no attribute 'id' while the gateway looks at a request",
    # The body has not come when the limits are looked at.
    "requestBodyJSON('/model') == 'm'": "the gateway has no function 'requestBodyJSON'",
    # Not CEL.
    "has(request.headers['x-user'])": "has() asks for a field, such as has(request.referer); "
    "for a header, write 'x-user' in request.headers",
    "request.path.lowerascii() == '/a'": "the gateway has no function 'lowerascii'",
    "'3' != 3": "found no matching overload for '_!=_' applied to '(string, int)'",
}


def mistakes(folder: Path, documents: tuple[Document, ...]) -> list[str]:
    """The mistakes that `kuadrant run` and `kuadrant translate` find."""
    (folder / "guide.yaml").write_text(yaml.safe_dump_all(documents))
    found = plan(read(folder), surroundings(wasm.current()), Before(), NOW)
    return [str(one) for one in found.problems] if isinstance(found, Mistakes) else []


def asked(promise: Promise, window: float) -> list[tuple[float, Asked]]:
    """As many as are admitted and one more, and one when the next window has begun."""
    most = promise.most if isinstance(promise.most, int) else ENOUGH
    return [(window if number in (0, most + 1) else 0.0, promise.asked) for number in range(most + 2)]


def outcomes(promise: Promise) -> list[bool]:
    """Which of those are admitted."""
    if not isinstance(promise.most, int):
        return [True] * (ENOUGH + 2)
    return [True] * promise.most + [False, True]


@pytest.mark.parametrize("guide", guides(), ids=lambda guide: guide.name)
def test_a_policy_of_a_guide_limits_as_the_guide_says(reality: Reality, tmp_path: Path, guide: Guide) -> None:
    assert mistakes(tmp_path, guide.documents) == []
    for promise in guide.promises:
        case = Case(guide.documents, "deny", tuple(asked(promise, guide.window)))
        found = compare(reality, case)
        assert set(found) <= {"admitted", "admitted unasked", "limited"}
        assert [outcome != "limited" for outcome in found] == outcomes(promise), promise


@pytest.mark.parametrize(("predicate", "message"), REFUSED.items(), ids=str)
def test_what_is_not_accepted_says_why(tmp_path: Path, predicate: str, message: str) -> None:
    guide = next(one for one in guides() if one.name == "each value of a header")
    for place in ({"when": [{"predicate": predicate}]}, {"counters": [{"expression": predicate}]}):
        spec = {**guide.policies[0]["spec"], "limits": {"one": {**LIMIT, **place}}}
        changed = structs.replace(guide, policies=[{"version": "v1", "spec": spec}])
        (mistake,) = mistakes(tmp_path, changed.documents)
        assert message in mistake
