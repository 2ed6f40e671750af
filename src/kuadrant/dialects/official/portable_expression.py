"""The parts of an expression, each in words that every official module takes as the gateway does.

Official modules bring evaluators of their own, by now three, which differ from the gateway's and from each
other:

=============== =========================================================================================
v0.7 to v0.11   a header that is not there is null; ``&&`` looks at both of its sides; what only the second
                part of ``?:`` names is not read
before v0.13    ``||`` and ``&&`` fail where their first side does, whatever the second is
all             an empty query is null; ``string`` knows no booleans
=============== =========================================================================================

So a read of a header fails by itself, what may fail comes last and is looked at only where it counts, and
nothing is told for which there are no such words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

from msgspec import Struct

from kuadrant.dialects.dialect import InexpressibleError
from kuadrant.dialects.official.cel_text import QUERY, literal

Headers = frozenset[str]
NONE: Final[Headers] = frozenset()

_HEADERS: Final = frozenset({"request.headers"})

CHOICE, OR, AND, RELATION, SUM, WHOLE = range(6)
"""How tightly operators bind, the loosest first."""


class Said(Struct, frozen=True, gc=False):
    """The words for a part, and how tightly its outermost operator binds."""

    text: str
    binding: int = WHOLE

    def within(self, binding: int) -> str:
        """The words where something is needed that binds as tightly as ``binding``, or more."""
        return self.text if self.binding >= binding else f"({self.text})"


class Part(Struct, frozen=True, kw_only=True):
    """A part of an expression.

    ``say`` gives the words for it where these headers are known to be there, and raises
    ``InexpressibleError``. Without one of the headers that it ``needs`` it may fail, without one that it
    ``reads_always`` it does; it ``fails`` if it may for another reason. ``when_true`` and ``when_false`` are
    headers that are there then. ``read`` are its attributes, ``found`` those that each version finds in it.
    """

    say: Callable[[Headers], Said]
    form: Literal["text", "number", "truth", "list"]
    needs: Headers = NONE
    reads_always: Headers = NONE
    fails: bool = False
    when_true: Headers = NONE
    when_false: Headers = NONE
    read: frozenset[str] = NONE
    found: frozenset[str] = NONE

    def may_fail(self, there: Headers) -> bool:
        """Tell whether it may fail where the headers ``there`` are."""
        return self.fails or not self.needs <= there


def plain(text: str, form: Literal["text", "number", "truth"], *attributes: str) -> Part:
    """A constant, or an attribute that every request has."""
    read = frozenset(attributes)
    return Part(say=lambda _: Said(text), form=form, read=read, found=read)


def query() -> Part:
    """The query, which is null to the modules where it is empty."""
    return plain(QUERY, "text", "request.query")


def header(name: str) -> Part:
    """The value of a header."""
    text = f"request.headers[{literal(name)}]"
    needs = frozenset({name})
    return Part(
        # Of null there is no text, so that this fails as it has to.
        say=lambda there: Said(text if name in there else f"string({text})"),
        form="text",
        needs=needs,
        reads_always=needs,
        read=_HEADERS,
        found=_HEADERS,
    )


def presence(name: str) -> Part:
    """Tell whether a header is there."""
    words = Said(f"{literal(name)} in request.headers", RELATION)
    return Part(say=lambda _: words, form="truth", when_true=frozenset({name}), read=_HEADERS, found=_HEADERS)


def strict(
    form: Literal["text", "number", "truth", "list"],
    operands: Iterable[Part],
    write: Callable[..., Said],
    *,
    fails: bool = False,
) -> Part:
    """Return what looks at all of its operands, and fails if one does; ``write`` has the words of each."""
    operands = tuple(operands)
    return Part(
        say=lambda there: write(*(one.say(there) for one in operands)),
        form=form,
        needs=_union(one.needs for one in operands),
        reads_always=_union(one.reads_always for one in operands),
        fails=fails or any(one.fails for one in operands),
        read=_union(one.read for one in operands),
        found=_union(one.found for one in operands),
    )


def negation(part: Part) -> Part:
    """The opposite of ``part``."""
    return Part(
        say=lambda there: Said(f"!({part.say(there).text})"),
        form="truth",
        needs=part.needs,
        reads_always=part.reads_always,
        fails=part.fails,
        when_true=part.when_false,
        when_false=part.when_true,
        read=part.read,
        found=part.found,
    )


def choice(condition: Part, yes: Part, no: Part) -> Part:
    """``condition ? yes : no``."""

    def say(there: Headers) -> Said:
        known = there | condition.reads_always
        words = (
            condition.say(there).within(OR),
            yes.say(known | condition.when_true).within(OR),
            no.say(known | condition.when_false).within(OR),
        )
        return Said("{} ? {} : {}".format(*words), CHOICE)

    parts = (condition, yes, no)
    return Part(
        say=say,
        form=yes.form,
        needs=condition.needs | (yes.needs - condition.when_true) | (no.needs - condition.when_false),
        reads_always=condition.reads_always,
        fails=any(one.fails for one in parts),
        when_true=(condition.when_true | yes.when_true) & (condition.when_false | no.when_true),
        when_false=(condition.when_true | yes.when_false) & (condition.when_false | no.when_false),
        read=_union(one.read for one in parts),
        found=condition.found | no.found,
    )


def conjunction(parts: Iterable[Part]) -> Part:
    """All of ``parts``."""
    return _chain(tuple(parts), when_true, _when_false, _all_of)


def disjunction(parts: Iterable[Part]) -> Part:
    """Any of ``parts``."""
    return _chain(tuple(parts), _when_false, when_true, _any_of)


def _chain(
    parts: tuple[Part, ...],
    known: Callable[[Part], Headers],
    ended: Callable[[Part], Headers],
    write: Callable[[list[Said], bool], Said],
) -> Part:
    def say(there: Headers) -> Said:
        ordered = in_order(parts, there, known)
        may_fail = any(one.may_fail(there) for one in ordered)
        words = []
        for one in ordered:
            words.append(one.say(there))
            there |= known(one) | one.reads_always
        return write(words, may_fail)

    everything = _union(map(known, parts))
    some = frozenset.intersection(*map(ended, parts))
    surely = _union(known(one) for one in parts if not one.may_fail(NONE))
    is_conjunction = known is when_true
    return Part(
        say=say,
        form="truth",
        needs=_union(one.needs for one in parts) - surely,
        reads_always=frozenset.intersection(*(one.reads_always for one in parts)),
        fails=any(one.fails for one in parts),
        when_true=everything if is_conjunction else some,
        when_false=some if is_conjunction else everything,
        read=_union(one.read for one in parts),
        found=_union(one.found for one in parts),
    )


def in_order(parts: Iterable[Part], there: Headers, known: Callable[[Part], Headers]) -> tuple[Part, ...]:
    """``parts``, of which one may be the end, so that one that fails is never looked at before such a one.

    ``known`` are the headers that are there when a part was not the end.

    Raises:
        InexpressibleError: There is no such order.
    """
    waiting, first = list(parts), list[Part]()
    progress = True
    while progress:
        rest = []
        for one in waiting:
            if one.may_fail(there):
                rest.append(one)
            else:
                first.append(one)
                there |= known(one)
        progress, waiting = len(rest) < len(waiting), rest
    lacking: Headers = NONE
    for place, one in enumerate(waiting):
        # Where one fails those behind it have to fail as well.
        if place and (waiting[place - 1].fails or not lacking <= one.reads_always):
            raise InexpressibleError(
                "more than one part of it may fail, and the first that does decides, whatever the others are"
            )
        lacking |= one.needs - there
    return (*first, *waiting)


def _all_of(words: list[Said], may_fail: bool) -> Said:
    if may_fail:
        # Every version looks at the sides of || one after the other.
        return Said(f"!({' || '.join(f'!({one.text})' for one in words)})")
    return Said(" && ".join(one.within(RELATION) for one in words), AND)


def _any_of(words: list[Said], _: bool) -> Said:
    return Said(" || ".join(one.within(AND) for one in words), OR)


def when_true(part: Part) -> Headers:
    """The headers that are there where ``part`` is true."""
    return part.when_true


def _when_false(part: Part) -> Headers:
    return part.when_false


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
