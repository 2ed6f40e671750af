"""The largest request that a gateway takes, and expressions that take most of it.

For those who look for what an evaluation costs at worst.
"""

from __future__ import annotations

from typing import Any, Final

STEPS: Final = 50_000
MEMORY: Final = 1 << 20
"""What an evaluation has, as ``wasm-shim/src/own_expression.zig`` says."""

LARGEST: Final[dict[tuple[str, ...], Any]] = {
    ("request", "path"): "/" + "a/" * 15_000 + "?a=1",
    ("request", "url_path"): "/" + "ab" * 14_000,
    ("request", "query"): "&".join(f"a{n}=%41" for n in range(3000)),
    ("request", "host"): "api.example.com",
    ("request", "method"): "GET",
    ("request", "referer"): "a" * 8000,
    ("request", "useragent"): " " * 8000,
    ("request", "headers"): {f"x-{n}": "a" * 200 for n in range(100)},
    ("request", "headers", "x-a"): "ab" * 10_000,
    ("request", "headers", "x-b"): "a,b" * 5_000,
}

COSTLY: Final = (
    "queryMap(request.query)['a'] == '1'",
    "queryMap(request.query, true).exists(name, name == 'z')",
    "queryMap(request.path.replace('/', '&')).exists(name, name == 'z')",
    "queryMap(request.path.replace('/', '&'), true).exists(name, name == 'z')",
    "request.path.split('/').exists(part, part == 'b')",
    "request.path.split('/').all(part, part in ['b', 'c', 'a', ''])",
    "request.path.split('/').map(part, part + 'b').join(',') == 'b'",
    "request.path.split('/').map(part, [part]).size() == 1",
    "request.path.split('/').map(part, {part: 1}).size() == 1",
    "request.path.split('/').map(part, string(part.size()) + 'a').join() == 'a'",
    "request.path.split('/').exists(part, double(part.size()) / 3.0 > 3.5)",
    "request.path.split('/').exists(part, string(double(part.size()) / 3.0) == '1')",
    "request.path.split('/').exists(part, duration(string(part.size()) + 's') > duration('2s'))",
    "request.path.split('/').exists(part, part.matches('^b'))",
    "request.path.split('/').exists(part, optional.of(part).orValue('a') == 'b')",
    "request.path.split('/') == request.path.split('a')",
    "request.path.split('').size() == 1",
    "request.headers['x-b'].split(',').map(part, part.size()).exists(size, size > 5)",
    "request.headers.exists(a, request.headers.exists(b, b == a + 'a'))",
    "request.headers.all(name, name in request.headers)",
    "request.path.replace('', 'b') == 'b'",
    "request.path.replace('/', 'bb') == 'b'",
    "request.path.contains('/a/a/a/a/b')",
    "request.referer.contains('aaaaaaaaaaaaaaaaaaaaaaab')",
    "request.referer.lastIndexOf('baaaaaaaaaaaaaaaaaaaaaaa') == 1",
    "request.path.indexOf('b', 20000) == 1",
    "request.path.lowerAscii().upperAscii().reverse() == 'b'",
    "strings.quote(request.path) == 'b'",
    "request.useragent.trim() == 'b'",
    "request.path.charAt(20000) == 'b'",
    "request.path.size() + request.url_path.size() == 1",
    "request.url_path < request.headers['x-a'] || request.path < request.url_path",
    "request.path.matches('[a-z/]*x')",
    "request.path.matches('(a?){20}b')",
    "request.path.matches('\\\\bzz')",
    "request.referer.matches('\\\\bab?\\\\b')",
    "request.query.matches('(?m)^$')",
    "request.path.matches('[02468BDFHJLNPRTVXZcegikmoqsuwy]')",
    "request.path.matches('[02468BDFHJLNPRTVXZcegikmoqsuwy][02468BDFHJLNPRTVXZcegikmoqsuwy]')",
    "request.path.matches('(?:a?/?[02468BDFHJLNPRTVXZcegikmoqsuwy]){2}')",
    "request.url_path.matches('(?i)abababababz')",
)
"""Conditions that a policy may have; none of them ends before it has to."""
