"""An application for routes.

It answers every request with what it got, as JSON, on PORT (3000 if that is not set).
"""

import json
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Echo(BaseHTTPRequestHandler):
    """Answers 200 with the request's method, path and headers and the name of the pod."""

    protocol_version = "HTTP/1.1"
    # One write for head and body, and no wait for its acknowledgement: that takes 40 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        got = {
            "method": self.command,
            "path": self.path,
            "headers": dict(self.headers),
            "pod": socket.gethostname(),
        }
        body = json.dumps(got, indent=2).encode() + b"\n"
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815  # the base class names them

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ.get("PORT", "3000"))), Echo).serve_forever()
