"""Expressions and requests at random.

Most have a value, some fail, and many are about what the requests have.
"""

# ruff: noqa: E501, PLR0911

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from kuadrant.reference_model.request import Request

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_TEXTS = [
    "", "a", "b", "aa", "ab", "abc", "/", "/toys", "/toys/1", "GET", "POST", "x-a", "x-b", "X-A", "1", "-5", "12", "1.5", "true", "False",
    "a,b", "a=1&b=2", "a=1&a=%42&c", "é", "aé😀", " a\t", "a.b", "10s", "1h30m", "-1.5s", "2024-02-29T12:30:00.5Z", "2020-01-01T00:00:00+01:00", "1e3",
    "api.example.com", "%zz", "Hello World", "\n", "9223372036854775807", "18446744073709551615", "nan", "inf",
]  # fmt: skip
_PATTERNS = [
    "a", "^a", "a$", "^/toys(/|$)", "[a-z]+[0-9]", "(a|b)*c", "^(?:GET|POST)$", "\\\\d+", "\\\\bab?\\\\b", ".", "^.$", "(?i)X-[ab]", "^[^a-c]*$",
    "a{2}", "a{0,2}b", "x?", "", "(?m)^$", "é", "[é-ü]", "\\\\w\\\\W", "[[:alpha:]]+$", "a*?b+?",
]  # fmt: skip
_INTS = [
    "0",
    "1",
    "2",
    "3",
    "-1",
    "5",
    "10",
    "60",
    "9223372036854775807",
    "-9223372036854775808",
    "4294967296",
]
_UINTS = ["0u", "1u", "2u", "7u", "18446744073709551615u"]
_DOUBLES = [
    "0.0",
    "1.0",
    "1.5",
    "-2.5",
    "1e6",
    "1e100",
    "0.1",
    "-0.0",
    "3.0",
    "9007199254740993.0",
    "1.0/0.0",
]
_DURATIONS = ["1s", "-1.5s", "1h30m", "0s", "86400s", "1ns", "100ms"]
_TIMESTAMPS = [
    "2024-02-29T12:30:00Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "2021-12-31T23:59:59.123456Z",
]  # fmt: skip
_ZONES = ["", "", "'+01:00'", "'-08:30'", "'UTC'"]
_PARTS = ["FullYear", "Month", "Date", "DayOfMonth", "DayOfYear", "DayOfWeek", "Hours", "Minutes", "Seconds", "Milliseconds"]  # fmt: skip
_STRINGS = ["path", "url_path", "host", "scheme", "method", "referer", "useragent", "id", "protocol", "query"]
_HEADERS = ["x-a", "x-b", "X-A", "user-agent", "missing", ":path", "host"]
_OF_IDENTITIES = {
    "string": ["auth.identity.sub", "auth.identity['sub']", "auth.identity.org.name", "auth.identity.groups[0]"],
    "double": ["auth.identity.level", "auth.identity.org.size"],
    "bool": ["auth.identity.admin", "has(auth.identity.sub)", "has(auth.identity.org.name)", "('b' in auth.identity.groups)", "('sub' in auth.identity)"],
    "list": ["auth.identity.groups"],
    "map": ["auth.identity.org", "auth.identity"],
    "optional": ["auth.identity.?sub", "auth.identity[?'sub']", "auth.identity.?org.?name", "auth.identity.?groups[?1]"],
}  # fmt: skip
"""What no gateway's own evaluator has."""
_IDENTITY: dict[str, Any] = {
    "sub": "ab",
    "groups": ["a", "b", "X-A"],
    "level": 2.0,
    "admin": True,
    "org": {"name": "abc", "size": 1.5},
}
_KINDS = [
    "string",
    "int",
    "uint",
    "double",
    "bool",
    "bytes",
    "duration",
    "timestamp",
    "list",
    "map",
]


_OTHERS = {"list": [kind for kind in _KINDS if kind != "map"]}
"""What comes in place of a kind. The keys of a map have no order that anybody could compare."""


def literal(text: str) -> str:
    """A text as a literal of CEL."""
    for character, escaped in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\t", "\\t")):
        text = text.replace(character, escaped)
    return f"'{text}'"


class Expressions:
    """Makes one expression after the other.

    With ``host_only``, of what a gateway's own evaluator has.
    """

    def __init__(self, source: random.Random, *, host_only: bool = False) -> None:
        self._random = source
        self._names: list[tuple[str, str]] = []
        self._host_only = host_only
        self._binds = False

    def make(self) -> str:
        """An expression."""
        return self.make_of(
            self._one(["bool", "bool", "bool", "string", "string", "int", "uint", "double", "list", "bytes"])
        )

    def make_of(self, kind: str) -> str:
        """An expression whose value, if it has one, is of this kind."""
        self._names = []
        self._binds = not self._host_only and self._random.random() < 0.3
        return self._of(kind, self._random.randint(1, 5))

    def _one(self, among: list[str]) -> str:
        return self._random.choice(among)

    def _any(self, everywhere: list[Callable[[], str]], here: list[Callable[[], str]]) -> str:
        """One of these; ``here`` is what no gateway's own evaluator has."""
        return self._random.choice(everywhere if self._host_only else [*everywhere, *here])()

    def _of(self, kind: str, depth: int) -> str:
        if self._random.random() < 0.03:
            # Of another kind: most functions fail with it.
            return (
                f"dyn({self._of(self._one(_OTHERS.get(kind, _KINDS)), depth - 1)})"
                if depth > 0
                else self._leaf(self._one(["string", "int"]))
            )
        if depth <= 0 or self._random.random() < 0.1:
            return self._leaf(kind)
        if self._random.random() < 0.06:
            return (
                f"({self._of('bool', depth - 1)} ? {self._of(kind, depth - 1)} : {self._of(kind, depth - 1)})"
            )
        if not self._host_only and self._random.random() < 0.05:
            return self._from_optional(kind, depth - 1)
        if self._binds and self._random.random() < 0.1:
            name = f"v{len(self._names)}"
            bound = self._one(["string", "int", "list", "map"])
            value = self._of(bound, depth - 1)
            return f"cel.bind({name}, {value}, {self._within(name, bound, kind, depth - 1)})"
        made: str = getattr(self, f"_{kind}")(depth - 1)
        return made

    def _within(self, name: str, form: str, kind: str, depth: int) -> str:
        self._names.append((name, form))
        made = self._of(kind, depth)
        self._names.pop()
        return made

    def _leaf(self, kind: str) -> str:
        names = [name for name, form in self._names if form == kind]
        if names and self._random.random() < 0.6:
            return self._one(names)
        if not self._host_only and kind in _OF_IDENTITIES and self._random.random() < 0.1:
            return self._one(_OF_IDENTITIES[kind])
        match kind:
            case "string":
                return self._string_leaf()
            case "int":
                return self._one([*(f"({one})" for one in _INTS), "request.size", "source.port"])
            case "uint":
                return self._one([*_UINTS, "connection.id"])
            case "double":
                return f"({self._one(_DOUBLES)})"
            case "bool":
                return self._one(
                    [
                        "true",
                        "false",
                        "connection.mtls",
                        "has(request.referer)",
                        "('x-a' in request.headers)",
                        "has(request.headers.missing)",
                    ]
                )
            case "bytes":
                return f"b{literal(self._one(_TEXTS))}"
            case "duration":
                return f"duration('{self._one(_DURATIONS)}')"
            case "timestamp":
                return self._one([f"timestamp('{self._one(_TIMESTAMPS)}')", "request.time"])
            case "list":
                return self._one(["[]", "['a', 'b']", "['GET', 'POST', 'x']"])
            case "map":
                return self._one(["{}", "{'a': 'b'}", "request.headers", "{'x-a': 'a'}"])
        return self._one(
            [
                "request.?referer",
                f"request.headers[?'{self._one(_HEADERS)}']",
                "optional.none()",
                "request.?path",
            ]
        )

    def _string_leaf(self) -> str:
        draw = self._random.random()
        if draw < 0.35:
            return f"request.{self._one(_STRINGS)}"
        if draw < 0.5:
            return f"request.headers['{self._one(_HEADERS)}']"
        if draw < 0.53:
            return "request.headers.accept"
        if draw < 0.56 and not self._host_only:
            return "source.remote_address"
        return literal(self._one(_TEXTS))

    def _from_optional(self, kind: str, depth: int) -> str:
        if kind == "string":
            return f"{self._of('optional', depth)}.orValue({self._of(kind, depth)})"
        return self._one([
            f"optional.of({self._of(kind, depth)}).value()",
            f"optional.ofNonZeroValue({self._of(kind, depth)}).orValue({self._of(kind, depth)})",
            f"[{self._of(kind, depth)}, {self._of(kind, depth)}].{self._one(['first', 'last'])}().value()",
            f"[{self._of(kind, depth)}][?{self._one(['0', '1'])}].orValue({self._of(kind, depth)})",
            f"{{'k': {self._of(kind, depth)}}}.?{self._one(['k', 'l'])}.orValue({self._of(kind, depth)})",
        ])  # fmt: skip

    def _bool(self, depth: int) -> str:
        kind = self._one(
            ["string", "string", "int", "uint", "double", "bool", "bytes", "duration", "timestamp"]
        )
        choices: list[Callable[[], str]] = [
            lambda: "({} {} {})".format(self._of("bool", depth), self._one(["&&", "||"]), self._of("bool", depth)),
            lambda: "({} {} {})".format(self._of(kind, depth), self._one(["==", "!=", "<", "<=", ">", ">="]), self._of(kind, depth)),
            lambda: f"!{self._of('bool', depth)}",
            lambda: "{}.{}({})".format(self._of("string", depth), self._one(["startsWith", "endsWith", "contains"]), self._of("string", depth)),
            lambda: f"{self._of('string', depth)}.matches('{self._one(_PATTERNS)}')",
            lambda: f"({self._of('string', depth)} in {self._of(self._one(['list', 'map']), depth)})",
            lambda: "({} {} {})".format(self._of("list", depth), self._one(["==", "!="]), self._of("list", depth)),
            lambda: self._search(depth),
            lambda: "(dyn({}) {} dyn({}))".format(self._of(self._one(["int", "uint", "double"]), depth), self._one(["==", "<", ">="]), self._of(self._one(["int", "uint", "double"]), depth)),
            lambda: f"(type(dyn({self._of(kind, depth)})) == {self._one(['int', 'string', 'bool', 'double'])})",
            lambda: f"has({{'a': {self._of('string', depth)}}}.{self._one(['a', 'b'])})",
            lambda: f"bool({self._of('string', depth)})",
        ]  # fmt: skip
        return self._any(choices, [lambda: f"{self._of('optional', depth)}.hasValue()"])

    def _search(self, depth: int) -> str:
        name = f"v{len(self._names)}"
        among = self._of(self._one(["list", "list", "map"]), depth)
        macro = self._one(["all", "exists", "exists_one"])
        return f"{among}.{macro}({name}, {self._within(name, 'string', 'bool', depth)})"

    def _string(self, depth: int) -> str:
        subject = self._of("string", depth)
        everywhere: list[Callable[[], str]] = [
            lambda: f"({subject} + {self._of('string', depth)})",
            lambda: (
                f"string({self._of(self._one(['int', 'uint', 'bool', 'bytes', 'duration', 'timestamp']), depth)})"
            ),
            lambda: f"{self._of('list', depth)}[{self._one(['0', '1', self._of('int', depth)])}]",
            lambda: f"{self._of('map', depth)}[{self._of('string', depth)}]",
            lambda: f"string({self._of('map', depth)}.a)",
            # The text of what is no number has a sign with Google's: it is the only text that is compared as
            # if it were the same (docs/expressions.md), and so may not be looked at.
            lambda: f"[{self._of('double', depth)}].map(d, d == d ? string(d) : 'nan')[0]",
        ]
        here: list[Callable[[], str]] = [
            lambda: f"{subject}.{self._one(['lowerAscii', 'upperAscii', 'trim', 'reverse'])}()",
            lambda: f"strings.quote({subject})",
            lambda: f"{subject}.charAt({self._of('int', depth)})",
            lambda: f"{subject}.substring({self._one(['0', '1', '2'])})",
            lambda: f"{subject}.substring({self._of('int', depth)}, {self._of('int', depth)})",
            lambda: f"{subject}.replace({self._of('string', depth)}, {self._of('string', depth)})",
            lambda: f"{subject}.replace({self._of('string', depth)}, {self._of('string', depth)}, {self._of('int', depth)})",
            lambda: f"{self._of('list', depth)}.join({self._one(['', literal(','), subject])})",
            lambda: f"queryMap(request.query)[{subject}]",
        ]  # fmt: skip
        return self._any(everywhere, here)

    def _int(self, depth: int) -> str:
        choices: list[Callable[[], str]] = [
            lambda: "({} {} {})".format(self._of("int", depth), self._one(["+", "-", "*", "/", "%"]), self._of("int", depth)),
            lambda: f"size({self._of(self._one(['string', 'bytes', 'list', 'map']), depth)})",
            lambda: f"int({self._of(self._one(['string', 'uint', 'double', 'timestamp']), depth)})",
            lambda: f"{self._of('timestamp', depth)}.get{self._one(_PARTS)}({self._one(_ZONES)})",
            lambda: f"{self._of('duration', depth)}.get{self._one(_PARTS[6:])}()",
            lambda: f"-({self._of('int', depth)})",
        ]  # fmt: skip
        here: list[Callable[[], str]] = [
            lambda: "{}.{}({})".format(self._of("string", depth), self._one(["indexOf", "lastIndexOf"]), self._of("string", depth)),
            lambda: "{}.{}({}, {})".format(self._of("string", depth), self._one(["indexOf", "lastIndexOf"]), self._of("string", depth), self._of("int", depth)),
        ]  # fmt: skip
        return self._any(choices, here)

    def _uint(self, depth: int) -> str:
        if self._random.random() < 0.5:
            return "({} {} {})".format(
                self._of("uint", depth), self._one(["+", "-", "*", "/", "%"]), self._of("uint", depth)
            )
        return f"uint({self._of(self._one(['string', 'int', 'double']), depth)})"

    def _double(self, depth: int) -> str:
        if self._random.random() < 0.5:
            return "({} {} {})".format(
                self._of("double", depth), self._one(["+", "-", "*", "/"]), self._of("double", depth)
            )
        return f"double({self._of(self._one(['string', 'int', 'uint']), depth)})"

    def _bytes(self, depth: int) -> str:
        return self._one(
            [
                f"bytes({self._of('string', depth)})",
                f"({self._of('bytes', depth)} + {self._of('bytes', depth)})",
            ]
        )

    def _duration(self, depth: int) -> str:
        return self._one([
            f"duration({self._of('string', depth)})",
            f"({self._of('duration', depth)} {self._one(['+', '-'])} {self._of('duration', depth)})",
            f"({self._of('timestamp', depth)} - {self._of('timestamp', depth)})",
        ])  # fmt: skip

    def _timestamp(self, depth: int) -> str:
        return self._one([
            f"timestamp({self._of(self._one(['string', 'int']), depth)})",
            f"({self._of('timestamp', depth)} {self._one(['+', '-'])} {self._of('duration', depth)})",
        ])  # fmt: skip

    def _list(self, depth: int) -> str:
        name = f"v{len(self._names)}"
        everywhere: list[Callable[[], str]] = [
            lambda: f"[{', '.join(self._of('string', depth) for _ in range(self._random.randint(1, 3)))}]",
            lambda: f"({self._of('list', depth)} + {self._of('list', depth)})",
            lambda: f"{self._of('list', depth)}.map({name}, {self._within(name, 'string', 'string', depth)})",
            lambda: (
                f"{self._of('list', depth)}.filter({name}, {self._within(name, 'string', 'bool', depth)})"
            ),
            lambda: (
                f"{self._of('list', depth)}.map({name}, {self._within(name, 'string', 'bool', depth)}, {self._within(name, 'string', 'string', depth)})"
            ),
        ]
        here: list[Callable[[], str]] = [
            lambda: f"[?{self._of('optional', depth)}, {self._of('string', depth)}]",
            lambda: f"{self._of('string', depth)}.split({self._of('string', depth)})",
            lambda: f"{self._of('string', depth)}.split({literal(self._one(['', ',', '&', '/']))}, {self._of('int', depth)})",
        ]  # fmt: skip
        return self._any(everywhere, here)

    def _map(self, depth: int) -> str:
        return self._any(
            [
                lambda: (
                    f"{{'a': {self._of('string', depth)}, {self._of('string', depth)}: {self._of('string', depth)}}}"
                )
            ],
            [
                lambda: f"{{?'a': {self._of('optional', depth)}}}",
                lambda: f"queryMap({self._of('string', depth)})",
            ],
        )

    def _optional(self, depth: int) -> str:
        return self._one([
            f"optional.of({self._of('string', depth)})",
            f"optional.ofNonZeroValue({self._of('string', depth)})",
            f"{self._of('optional', depth)}.or({self._of('optional', depth)})",
            f"{self._of('map', depth)}[?{self._of('string', depth)}]",
            f"{self._of('map', depth)}.?a",
            f"{self._of('list', depth)}[?{self._of('int', depth)}]",
            f"{self._of('list', depth)}.first()",
            f"optional.of({self._of('map', depth)}).a",
            *([self._mapped(depth)] if self._binds else []),
        ])  # fmt: skip

    def _mapped(self, depth: int) -> str:
        name = f"v{len(self._names)}"
        return (
            f"{self._of('optional', depth)}.optMap({name}, {self._within(name, 'string', 'string', depth)})"
        )


def request(source: random.Random) -> Request:
    """A request."""
    headers = [
        (name, source.choice(_TEXTS).strip())
        for name in ("x-a", "x-b", "x-a", "user-agent", "accept", "referer")
        if source.random() < 0.5
    ]
    if source.random() < 0.5:
        headers.append(("content-length", source.choice(["0", "1", "12"])))
    attributes: dict[tuple[str, str], Any] = {
        ("source", "port"): source.choice([0, 1, 5, 40000]),
        ("source", "address"): source.choice(["10.0.0.7:40000", "[2001:db8::7]:1", "[::1]", "/run/a"]),
        ("connection", "mtls"): source.random() < 0.5,
        ("auth", "identity"): {name: value for name, value in _IDENTITY.items() if source.random() < 0.8},
        ("request", "time"): datetime(2024, 2, 29, 23, 30, tzinfo=UTC)
        + timedelta(microseconds=source.randint(0, 10**12)),
    }
    return Request(
        authority=source.choice(["api.example.com", "a", "A:8080"]),
        method=source.choice(["GET", "POST", "a"]),
        target=source.choice(["/", "/toys", "/toys/1?a=1&b=%42", "/a?a=1&a=2", "/é?x", "/aa?"]),
        headers=tuple(headers),
        attributes={path: value for path, value in attributes.items() if source.random() < 0.9},
    )
