"""Says what was meant by an expression that is none: by names that are near, and by how others write it."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kuadrant.policy.attributes import ATTRIBUTES, OPEN_ROOTS
from kuadrant.policy.intended_paths import presence, whole_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

USES: Final = {
    "all": "list.all(x, x != '')",
    "bool": "bool('true')",
    "bytes": "bytes('a')",
    "charAt": "text.charAt(0)",
    "contains": "text.contains('a')",
    "double": "double('1.5')",
    "duration": "duration('10s')",
    "endsWith": "text.endsWith('a')",
    "exists": "list.exists(x, x == 'a')",
    "exists_one": "list.exists_one(x, x == 'a')",
    "filter": "list.filter(x, x != '')",
    "first": "list.first()",
    "getDate": "request.time.getDate()",
    "getDayOfMonth": "request.time.getDayOfMonth()",
    "getDayOfWeek": "request.time.getDayOfWeek()",
    "getDayOfYear": "request.time.getDayOfYear()",
    "getFullYear": "request.time.getFullYear()",
    "getHours": "request.time.getHours()",
    "getMilliseconds": "request.time.getMilliseconds()",
    "getMinutes": "request.time.getMinutes()",
    "getMonth": "request.time.getMonth()",
    "getSeconds": "request.time.getSeconds()",
    "has": "has(request.referer)",
    "hasValue": "request.headers[?'x-user'].hasValue()",
    "indexOf": "text.indexOf('a')",
    "int": "int('1')",
    "join": "list.join(',')",
    "last": "list.last()",
    "lastIndexOf": "text.lastIndexOf('a')",
    "lowerAscii": "text.lowerAscii()",
    "map": "list.map(x, x + 'a')",
    "matches": "text.matches('^[a-z]+$')",
    "optFlatMap": "optional.optFlatMap(x, request.headers[?x])",
    "optMap": "optional.optMap(x, x + 'a')",
    "or": "optional.or(optional.none())",
    "orValue": "request.headers[?'x-user'].orValue('')",
    "queryMap": "queryMap(request.query)",
    "replace": "text.replace('a', 'b')",
    "reverse": "text.reverse()",
    "size": "size(text)",
    "split": "text.split(',')",
    "startsWith": "text.startsWith('a')",
    "string": "string(1)",
    "substring": "text.substring(0, 3)",
    "timestamp": "timestamp('2026-01-02T03:04:05Z')",
    "trim": "text.trim()",
    "type": "type(1)",
    "uint": "uint('1')",
    "upperAscii": "text.upperAscii()",
    "value": "request.headers[?'x-user'].value()",
}
"""The functions of expressions, and how each is called."""

_ELSEWHERE: Final = {
    "lowerAscii": "lower tolower tolowercase lowercase downcase",
    "upperAscii": "upper toupper touppercase uppercase upcase",
    "substring": "substr slice mid sub left right",
    "size": "length len count",
    "contains": "includes has_substring strpos",
    "startsWith": "hasprefix prefix beginswith startwith",
    "endsWith": "hassuffix suffix endwith",
    "matches": "match regex regexmatch regexp test like rematch",
    "split": "explode tokenize",
    "join": "implode",
    "replace": "replaceall gsub",
    "trim": "strip trimspace",
    "indexOf": "find index position",
    "int": "parseint toint atoi integer number tonumber",
    "double": "float parsefloat tofloat",
    "string": "str tostring text",
    "exists": "any some exist",
    "all": "every forall",
    "filter": "where select",
    "map": "collect foreach",
    "orValue": "orelse default getordefault ordefault coalesce",
    "getHours": "hour hours gethour",
    "getMinutes": "minute minutes getminute",
    "getSeconds": "second seconds getsecond",
    "getFullYear": "year getyear",
    "getDayOfWeek": "weekday dayofweek",
    "getDate": "day getday",
    "getMonth": "month",
    "queryMap": "parsequery queryparams querystring",
}
"""What functions are called in other languages, in small letters."""
_CALLED: Final = {word: name for name, words in _ELSEWHERE.items() for word in words.split()}

_ATTRIBUTES: Final = tuple(f"{root}.{name}" for root, names in ATTRIBUTES.items() for name in names)
_MEANT: Final = {
    "uri": "request.path",
    "url": "request.path",
    "pathname": "request.url_path",
    "verb": "request.method",
    "authority": "request.host",
    "hostname": "request.host",
    "ip": "source.remote_address",
    "clientip": "source.remote_address",
    "remoteip": "source.remote_address",
    "remoteaddr": "source.remote_address",
    "client": "source.remote_address",
    "referrer": "request.referer",
    "agent": "request.useragent",
    "querystring": "request.query",
    "params": "queryMap(request.query)",
    "queryparams": "queryMap(request.query)",
    "parameters": "queryMap(request.query)",
    "args": "queryMap(request.query)",
    "cookie": "request.headers['cookie']",
    "cookies": "request.headers['cookie']",
    "header": "request.headers",
    "contentlength": "request.size",
    "contenttype": "request.headers['content-type']",
    "timestamp": "request.time",
    "now": "request.time",
    "sni": "connection.requested_server_name",
    "userid": "auth.identity",
    "user": "auth.identity",
}
"""What attributes are called elsewhere, in small letters and without what parts words."""
_LIKE: Final = 0.72
_WHO: Final = (
    "who a request is from is auth.identity.sub by a token and auth.identity.userid by a header, where the "
    "annotation kuadrant.io/identity of a Gateway says which"
)


class Hint(Struct, frozen=True, gc=False):
    """Says what was meant, in words that follow a complaint; if it is known, what is to be ``written``."""

    words: str = ""
    written: str = ""


def hint(complaint: str, expression: str, offset: int) -> Hint:
    """Return what was meant where the engine has this ``complaint`` about the character ``offset``."""
    if found := _dashed(expression, offset):
        return _meant(found)
    for form, say in _HINTS:
        if match := form.match(complaint):
            return say(match, expression, offset)
    return Hint()


def _meant(written: str) -> Hint:
    return Hint(f"did you mean {written}?", written)


def _meant_by(name: str, written: str) -> Hint:
    is_user = written == _MEANT.get(_plain(name)) == "auth.identity"  # a map, which is nobody
    return Hint(_WHO) if is_user else _meant(written) if written else Hint()


def _dashed(expression: str, offset: int) -> str:
    """A header whose name has a dash, written behind a dot: it is read as a difference."""
    for found in _DASHED.finditer(expression):
        if found.start() <= offset <= found.end():
            return f"request.headers['{found['name']}']"
    return ""


_DASHED: Final = re.compile(r"\bheaders\s*\.\s*(?P<name>[A-Za-z0-9_]+(-[A-Za-z0-9_]+)+)")


def _function(found: re.Match[str], _expression: str, _offset: int) -> Hint:
    name = found["name"]
    if name in USES:
        return Hint(f"it is called as in {USES[name]}")
    if name.lower() == "get":
        return Hint("an entry is read as in request.headers['x-user']")
    near = _CALLED.get(_plain(name)) or _near(name, {_plain(one): one for one in USES})
    return _meant(near) if near else Hint()


def _field(found: re.Match[str], expression: str, offset: int) -> Hint:
    below = re.match(r"\.\s*\w+((\.\w+)*)(?!\s*\()", expression[offset:])
    names = (below[1] if below else "").split(".")[1:]
    meant = whole_path(found["root"], found["field"], names) or _attribute(found["field"], found["root"])
    return _meant_by(found["field"], meant)


def _attribute(name: str, root: str = "") -> str:
    """The attribute that is meant by a name, below ``root`` if it is one of its."""
    plain = _plain(name)
    if name in (*ATTRIBUTES, *OPEN_ROOTS):
        return name
    own = {_plain(one.partition(".")[2]): one for one in _ATTRIBUTES if one.startswith(f"{root}.")}
    every = {_plain(one.partition(".")[2]): one for one in reversed(_ATTRIBUTES)}
    return own.get(plain) or _MEANT.get(plain) or every.get(plain) or _near(name, own if root else every)


def _undeclared(found: re.Match[str], expression: str, offset: int) -> Hint:
    name = found["name"]
    if macro := _macro(name, expression, offset):
        return macro
    if name.startswith(("math.", "sets.")) or name in ("math", "sets"):
        return Hint("these functions are not there (docs/expressions.md)")
    root, dot, field = name.partition(".")
    roots = {_plain(one): one for one in (*ATTRIBUTES, *OPEN_ROOTS, "optional", "cel")}
    if dot:
        meant_root = _ROOTS.get(_plain(root)) or _near(root, roots)
        meant = _attribute(field.partition(".")[0], meant_root) if meant_root in ATTRIBUTES else ""
        return _meant(meant) if meant else _meant(meant_root) if meant_root else Hint()
    if near := (_ROOTS.get(_plain(name)) or _near(name, roots)):
        return _meant(near)
    if (meant := _attribute(name)) and not name.isupper():
        return _meant_by(name, meant)
    return Hint(f"a text is in quotes: '{name}'", f"'{name}'")


_ROOTS: Final = {"req": "request", "src": "source", "dest": "destination", "conn": "connection"}


def _macro(name: str, expression: str, offset: int) -> Hint | None:
    """A repetition by a name that it has not: its variable is then no name at all."""
    before = re.search(r"\.\s*(\w+)\s*\(\s*$", expression[:offset])
    if before is None or not re.match(rf"{re.escape(name)}\s*,", expression[offset:]):
        return None
    meant = _CALLED.get(_plain(before[1])) or _near(before[1], {_plain(one): one for one in USES})
    return _meant(meant) if meant and meant != before[1] else None


def _overload(  # noqa: PLR0911 - one for each kind
    found: re.Match[str], expression: str, offset: int
) -> Hint:
    name, types = found["name"], found["types"]
    kinds = set(types.split(", "))
    if name == "@in" and "map" not in types:
        return Hint("in asks whether something is in a list or a map; of a text that is .contains(..)")
    if name == "contains" and types.startswith("map"):
        return Hint("whether a map has an entry is asked as in 'x-user' in request.headers")
    if name in _COMPARISONS and "google.protobuf.Timestamp" in kinds:
        return Hint("a moment is compared with one, as in request.time > timestamp('2026-01-02T03:04:05Z')")
    if name in (*_COMPARISONS, "_+_") and "string" in kinds and (number := kinds & _NUMBERS):
        return _text_and_number(name, min(number))
    if name in ("!_", "_&&_", "_||_"):
        if asked := presence(name, expression, offset):
            return _meant(asked)
        return Hint("it takes what is true or false, so compare first, as in request.path == '/'")
    if name == "_?_:_":
        return Hint("what stands before ? is true or false, and the two ways are of one type")
    return Hint("the two are of types that do not go together") if name in _COMPARISONS else Hint()


def _text_and_number(function: str, number: str) -> Hint:
    if function in _ORDERS:
        return Hint(f"write {number}(..) around the text; as texts '10' would come before '5'")
    return Hint(f"of a text and a number write the number in quotes, or {number}(..) around the text")


_NUMBERS: Final = frozenset({"int", "uint", "double"})
_ORDERS: Final = ("_<_", "_<=_", "_>_", "_>=_")
_COMPARISONS: Final = ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_")


def _no_fields(found: re.Match[str], expression: str, offset: int) -> Hint:
    name = re.match(r"\.?\??\s*(\w+)", expression[offset:])
    before = expression[:offset].rstrip()
    if name is not None and before.endswith(".query"):
        return _meant(f"queryMap(request.query)['{name[1]}']")
    if name is not None and name[1] in USES:
        return _meant(f"{name[1]}()")
    return Hint(f"a {found['type']} has no fields")


def _token(found: re.Match[str], _expression: str, _offset: int) -> Hint:
    odd = found["token"].strip()
    if odd in _TOKENS:
        return _TOKENS[odd]
    if odd[:1] in ("'", '"'):
        return Hint("the text that begins here has no end")
    return Hint(f"{odd} is nothing that an expression has")


_TOKENS: Final = {
    "=": Hint("= is no operator; == compares", "=="),
    "=~": Hint("=~ is no operator; a regular expression is asked as in text.matches('^a')", ".matches(..)"),
    "&": Hint("& is no operator; && is", "&&"),
    "|": Hint("| is no operator; || is", "||"),
    **dict.fromkeys(
        "\u2018\u2019\u201c\u201d\u00b4", Hint("this is no quotation mark of expressions; write '", "'")
    ),
}


def _input(found: re.Match[str], expression: str, _offset: int) -> Hint:
    word = found["token"]
    if not expression.strip():
        return Hint("it is empty; write one such as request.method == 'POST'")
    if word in _WORDS:
        return Hint(f"{word} is written {_WORDS[word]}", _WORDS[word])
    if word == "<EOF>":
        return Hint("it ends where something is still to come")
    return Hint(f"{word} cannot stand here; what is before it is whole, or lacks an operator such as &&")


_WORDS: Final = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}


def _missing(found: re.Match[str], _expression: str, _offset: int) -> Hint:
    return Hint(f"a {found['token']} is missing here, or what it would end")


_HINTS: Final = tuple(
    (re.compile(form), say)
    for form, say in (
        (r"the gateway has no function '(?P<name>[^']*)'", _function),
        (r"(?P<root>\w+) has no attribute '(?P<field>[^']*)'", _field),
        (r"undeclared reference to '(?P<name>[^']*)'", _undeclared),
        (r"found no matching overload for '(?P<name>[^']*)' applied to '\((?P<types>.*)\)'", _overload),
        (r"expression of type '(?P<type>[^']*)' cannot be the operand of a select operation", _no_fields),
        (r"Syntax error: token recognition error at: '(?P<token>.*)'$", _token),
        (r"Syntax error: (mismatched|extraneous) input '(?P<token>[^']*)'", _input),
        (r"Syntax error: no viable alternative at input '(?P<token>.*)'$", _input),
        (r"Syntax error: missing '(?P<token>.)'", _missing),
    )
)


def near(given: str, names: Iterable[str]) -> str:
    """Return the one of ``names`` that is most like ``given``; empty if none is."""
    return _near(given, {_plain(one): one for one in names})


def _near(given: str, names: Mapping[str, str]) -> str:
    plain = _plain(given)
    if plain in names:
        return names[plain]
    close = difflib.get_close_matches(plain, [*names], n=1, cutoff=_LIKE)
    return names[close[0]] if close else ""


def _plain(name: str) -> str:
    return re.sub(r"[-_]", "", name).lower()
