"""The access log of a standalone Envoy: a line of JSON for each request, with what was decided for it."""

from __future__ import annotations

from typing import Any, Final

RECORD: Final = "%FILTER_STATE(wasm.kuadrant.decision:PLAIN)%"
"""Where an access log finds the module's record of a decision; empty where it left none."""

_FILE = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
_LINE: Final = {
    "time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "host": "%REQ(:AUTHORITY)%",
    "path": "%REQ(:PATH)%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "milliseconds": "%DURATION%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "decision": RECORD,
}


def access_log_to(path: str) -> dict[str, Any]:
    """Return the access log that writes to the file ``path``.

    Envoy escapes what clients sent, so that a line is JSON whatever they send. The record is JSON of its own,
    as a string of that line.
    """
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {"@type": _FILE, "path": path, "log_format": {"json_format": _LINE}},
    }
