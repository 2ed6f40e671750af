"""Warns of parts of expressions that fail for some requests, since nothing asks first for what they need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.api.problem import Path, spelled
from kuadrant.policy.attributes import OPEN_ROOTS
from kuadrant.policy.condition import ExpressionCondition, ExpressionCounter
from kuadrant.policy.expression_check import checked
from kuadrant.policy.expression_error import position
from kuadrant.policy.expression_text import HEADERS, entry
from kuadrant.policy.identity_source import CLAIMS, PATH
from kuadrant.policy.model import Policy, Problem
from kuadrant.policy.possible_failures import failing
from kuadrant.policy.request_facts import Entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuadrant.policy.condition import Counter, PolicyCondition
    from kuadrant.policy.expression_outcomes import Failing
    from kuadrant.policy.fallible_parts import Need
    from kuadrant.policy.model import PolicyLimit

CODE: Final = "header-may-be-absent"
PART_CODE: Final = "part-may-fail"
IDENTITY: Final = ".".join(PATH)
_METADATA: Final = ".".join(CLAIMS[:-1])


class Known(Struct, frozen=True, gc=False):
    """The entries of maps, and the facts, that every request is known to have that comes to a policy.

    ``lengths`` are the least ones of parts of expressions, by their texts. ``identity`` says why an entry of
    ``auth.identity`` may be absent where another one is there, ``claims`` why those of a token may be, where
    the gateway has them.
    """

    entries: Entries = Entries()
    lengths: Mapping[str, int] = MappingProxyType({})
    identity: str = ""
    claims: str = ""


class _Place(Struct, frozen=True, gc=False):
    """An expression, and the field that it is written in."""

    field: Path
    expression: str


def unguarded(policy: Policy, known: Known | None = None) -> Iterator[Problem]:
    """Yield a warning for each part of ``policy``, which can be carried out, that fails for some requests.

    A limit's conditions are as CEL's ``&&``: one that does not hold makes up for one that fails, in whatever
    order they are. Counters are looked at where all of them hold.
    """
    when = _places(("when",), policy.when, "predicate")
    exempt = _places(("exempt",), policy.exempt, "predicate")
    known = known or Known()
    told: set[tuple[_Place, tuple[str, str, str]]] = set()
    # What several limits have in common is told of one that refuses somebody, if there is one.
    for limit in sorted(policy.limits, key=lambda limit: not limit.refuses):
        for place, found in _of_limit(limit, when, exempt, known):
            new = [one for one in found if (place, one.need.subject) not in told]
            told |= {(place, one.need.subject) for one in new}
            yield from _problems(policy, limit, place, new, known)


def _of_limit(
    limit: PolicyLimit, when: list[_Place], exempt: list[_Place], known: Known
) -> Iterator[tuple[_Place, list[Failing]]]:
    """Yield the places of expressions with what of each fails for a request of ``limit``."""
    field = ("limits", limit.name)
    conditions = [*when, *_places((*field, "when"), limit.when, "predicate")]
    counters = _places((*field, "counters"), limit.counters, "expression")
    counters += [_Place((*field, "cost"), limit.cost.expression)] if limit.cost else []
    places = [*conditions, *exempt, *counters]
    if not any(_MAY_FAIL.search(one.expression) for one in places):
        return
    texts = (tuple(one.expression for one in some) for some in (conditions, exempt, counters))
    found = _failing(*texts, known.entries, tuple(known.lengths.items()))
    for number, place in enumerate(places):
        if own := [one for one in found if one.expression == number]:
            yield place, own


_MAY_FAIL: Final = re.compile(
    r"headers|identity|metadata|filter_state|xds|referer|useragent|[\[/%]|queryMap|substring|charAt|value\s*\(|"
    r"\b(int|uint|double|bool|duration|timestamp)\s*\("
)


# All policies are looked at again whenever one of them changed.
@lru_cache(maxsize=4096)
def _failing(
    conditions: tuple[str, ...],
    exempt: tuple[str, ...],
    counters: tuple[str, ...],
    entries: Entries,
    lengths: tuple[tuple[str, int], ...],
) -> tuple[Failing, ...]:
    looked_at, excluded, counted = ([*map(checked, some)] for some in (conditions, exempt, counters))
    return failing(looked_at, excluded, counted, entries, dict(lengths))


def _places(field: Path, parts: Iterable[PolicyCondition | Counter], name: str) -> list[_Place]:
    return [
        _Place((*field, index, name), part.expression)
        for index, part in enumerate(parts)
        if isinstance(part, ExpressionCondition | ExpressionCounter)
    ]


def _problems(
    policy: Policy, limit: PolicyLimit, place: _Place, found: list[Failing], known: Known
) -> Iterator[Problem]:
    """Yield what is told of an expression: of all headers together, of each other part by itself."""
    headers = [one for one in found if _header(one.need)]
    becomes = (
        "which is answered with 500 unless the failure mode is allow"
        if limit.refuses
        else f"which the limit, {'soft' if limit.signals else 'in shadow'}, leaves out; enforced, it would be"
        " answered with 500"
    )
    if headers:
        names = sorted({_header(one.need) for one in headers})
        words = f"without the header {' or '.join(names)}"
        guard = " && ".join(f"'{name}' in {HEADERS}" for name in names)
        instead = " and ".join(_or_nothing(HEADERS, f"'{name}'") for name in names)
        yield _problem(policy, place, CODE, headers[0].offset, (f"{words}, {becomes}", guard, instead))
    for chain in _chains(one for one in found if not _header(one.need)):
        words, guard, instead = _told(chain)
        if because := _because(chain[0].need.of, known):
            words += f" ({because})"
        yield _problem(policy, place, PART_CODE, chain[0].offset, (f"{words}, {becomes}", guard, instead))


def _chains(found: Iterable[Failing]) -> list[list[Failing]]:
    """The parts that fail, each with those behind it that need an entry of what it gives."""
    chains: list[list[Failing]] = []
    for one in found:
        above = next((chain for chain in chains if _is_within(one.need, chain[-1].need)), None)
        if above is None:
            chains.append([one])
        else:
            above.append(one)
    return chains


def _is_within(one: Need, other: Need) -> bool:
    return one.kind == other.kind == "entry" and one.of == entry(other.of, other.what)


def _told(chain: list[Failing]) -> tuple[str, str, str]:
    """Of which requests a chain of needs is not met, what asks for it, and what can stand in its place."""
    told = [_words(one.need) for one in chain]
    guard = " && ".join(asks for _, asks in told) if all(asks for _, asks in told) else ""
    first, last = chain[0].need, chain[-1].need
    words = told[0][0] if len(chain) == 1 or not guard else f"without {entry(last.of, last.what)}"
    is_entry = guard and first.kind == "entry" and not first.of.startswith(OPEN_ROOTS)
    keys = "][?".join(one.need.what for one in chain)
    # The gateway's own evaluator, which those of open roots are for, knows no optionals.
    return words, guard, _or_nothing(first.of, keys) if is_entry else ""


def _because(of: str, known: Known) -> str:
    if of == IDENTITY:
        return known.identity
    return known.claims if of == _METADATA else ""


def _header(need: Need) -> str:
    """The header that is needed; empty if it is something else."""
    is_name = need.kind == "entry" and need.of == HEADERS and need.what.startswith("'")
    return need.what[1:-1] if is_name else ""


def _or_nothing(of: str, what: str) -> str:
    """What has the empty text where there is no such entry."""
    return f"{of}[?{what}].orValue('')"


def _problem(policy: Policy, place: _Place, code: str, offset: int, told: tuple[str, str, str]) -> Problem:
    """The problem of a place; it is told of which requests, what asks first, and what can stand there."""
    words, guard, instead = told
    message = f"it fails for each request {words}"
    fix = "Ask first for what it needs."
    if guard and place.field[0] == "exempt":
        message += f"; with {guard} && in front of it, such requests are not exempt"
        fix = f"Put {guard} && in front of it, in the same predicate."
    elif guard:
        message += f"; with {guard} as a predicate before it, such requests are not limited"
        fix = f"Put the predicate {guard} before it."
        if instead:
            fix = f"Write {instead} in its place, to limit them too, or put the predicate {guard} before it."
    of = ("RateLimitPolicy", policy.namespace, policy.name)
    where = spelled((*policy.field, *place.field))
    return Problem("warning", *of, where, message, code, position(place.expression, offset), fix)


_LONGEST: Final = 100
_FORMS: Final = {
    "int": "{}.matches('^-?[0-9]{{1,18}}$')",
    "uint": "{}.matches('^[0-9]{{1,18}}$')",
    "double": "{}.matches('^-?[0-9]{{1,18}}([.][0-9]{{1,18}})?$')",
    "bool": "{} in ['true', 'false']",
}


def _words(need: Need) -> tuple[str, str]:
    """Of which requests a need is not met, and what asks for it; that is empty where it has no short text."""
    of, what = need.of, need.what
    is_shown = "#" not in of + what and len(of) <= _LONGEST
    if not is_shown:
        of = "what stands before this place"
    unit = "items" if need.is_list else "characters"
    words, guard = {
        "entry": (f"for which {of} has no {what}", f"{what} in {of}"),
        "length": (f"for which {of} has fewer than {need.least} {unit}", f"size({of}) >= {need.least}"),
        "found": (f"for which {of} has no {what} in it", f"{of}.contains({what})"),
        "optional": (f"for which {of} has no value", f"{of}.hasValue()"),
        "conversion": (f"for which {of} is no text that {what} takes", _FORMS.get(what, "").format(of)),
        "nonzero": (f"for which {of} is 0", f"{of} != 0"),
    }[need.kind]
    return words, guard if is_shown else ""
