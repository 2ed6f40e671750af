"""A module server that does wrong, in a different way on each port; runs in a pod."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OTHER = b"\0asm\1\0\0\0"  # the smallest module there is


class Unavailable(BaseHTTPRequestHandler):
    """503: Envoy Gateway tries five times."""

    status, body = 503, b""

    def do_GET(self) -> None:  # the base class names it
        self.send_response(self.status)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Absent(Unavailable):
    """404: it tries once."""

    status = 404


class Wrong(Unavailable):
    """The bytes of another module."""

    status, body = 200, OTHER


class Hanging(Unavailable):
    """No answer for ten minutes."""

    def do_GET(self) -> None:
        time.sleep(600)


class Failing(Unavailable):
    """500: its own fault."""

    status = 500


class Short(Unavailable):
    """The beginning of a module, whose end never comes."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("content-length", "100000")
        self.end_headers()
        self.wfile.write(OTHER)
        self.close_connection = True


class Slow(Unavailable):
    """A module, a byte each second."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("content-length", "100000")
        self.end_headers()
        with contextlib.suppress(OSError):  # the client has given up
            for _ in range(600):
                self.wfile.write(b"\0")
                time.sleep(1)


HANDLERS = (Unavailable, Absent, Wrong, Hanging, Failing, Short, Slow)

if __name__ == "__main__":
    for number, handler in enumerate(HANDLERS):
        server = ThreadingHTTPServer(("", 9000 + number), handler)
        threading.Thread(target=server.serve_forever).start()
