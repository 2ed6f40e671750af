"""A configuration with every field, and what the module says of one that it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuadrant.expressions import programs

if TYPE_CHECKING:
    from .examples import (
        Json,
    )
    from .proxy_wasm_host import Host

EVERYTHING: Json = {
    "version": 1,
    "services": {
        "limiter": {"cluster": "rls", "timeoutMs": 1000, "failureMode": "deny"},
        "other": {"googleGrpc": "dns:///limitador:8081", "timeoutMs": 60000, "failureMode": "allow"},
    },
    "hosts": [
        {"hostname": "api.toystore.com", "rules": []},
        {
            "hostname": "*.toystore.com",
            "rules": [{"name": "free", "path": {"type": "prefix", "value": "/free"}}],
        },
        {
            "hostname": "*",
            "rules": [
                {
                    "name": "all",
                    "path": {"type": "regex", "value": "/v[0-9]+/.*"},
                    "method": "POST",
                    "headers": [{"name": "x-tenant", "type": "exact", "value": "a"}],
                    "query": [{"name": "q", "type": "regex", "value": "v[0-9]+"}],
                    "response": {
                        "headers": "Both",
                        "retryAfter": True,
                        "preflights": "Count",
                        "overLimit": {
                            "code": 503,
                            "message": "no",
                            "headers": {"x-fixed": "1"},
                            "body": "{}",
                            "problem": False,
                            "made": {
                                "message": [{"value": "no, "}, {"selector": "request.headers.x-user"}],
                                "headers": {"x-path": [{"program": programs.value("request.path")}]},
                                "body": [{"value": "at "}, {"program": programs.value("request.path")}],
                                "json": True,
                            },
                        },
                    },
                    "actions": [
                        {
                            "service": "limiter",
                            "scope": "default/toystore",
                            "limits": [
                                {
                                    "when": [
                                        {
                                            "selector": "request.headers.x-user",
                                            "operator": "neq",
                                            "value": "admin",
                                        },
                                        {"expression": "request.method == 'POST'"},
                                    ],
                                    "entries": [
                                        {"key": "limit.a", "value": "1"},
                                        {
                                            "key": "u",
                                            "selector": "request.headers.x-user",
                                            "default": "nobody",
                                        },
                                        {"key": "p", "expression": "request.path"},
                                    ],
                                    "cost": {"expression": "uint(size(request.path))"},
                                }
                            ],
                        }
                    ],
                }
            ],
        },
    ],
}


def refusal(host: Host, text: bytes) -> str:
    """The one line that says why the configuration is refused."""
    assert not host.configure(text)
    (line,) = host.errors
    return line.removeprefix("configuration refused: ")
