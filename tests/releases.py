"""A server that speaks as much of GitHub's API of releases as a download needs, on loopback."""

from __future__ import annotations

import contextlib
import hashlib
import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Answer = Callable[["Handler"], None]


@dataclass
class Releases:
    """The releases that are there, and the answers that take the place of a good one, by path.

    ``assets`` are the bytes of each version's files; ``digests`` tells whether the API publishes their
    SHA-256. ``asked`` are the requests as they came: path and headers.
    """

    assets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    digests: bool = True
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    address: str = ""

    def publish(self, version: str, module: bytes, **others: bytes) -> None:
        """Release a module, with other files."""
        self.assets[version] = {f"kuadrant-wasm-shim-{version}": module, **others}

    def asset_path(self, version: str, number: int = 0) -> str:
        return f"/repos/Kuadrant/wasm-shim/releases/assets/{[*self.assets].index(version)}{number:02}"

    def release_path(self, version: str) -> str:
        return f"/repos/Kuadrant/wasm-shim/releases/tags/{version}"

    def description(self, version: str) -> dict[str, Any]:
        """What the API says of a release."""
        return {
            "tag_name": version,
            "assets": [
                {
                    "name": name,
                    "url": f"{self.address}{self.asset_path(version, number)}",
                    "size": len(data),
                    "digest": f"sha256:{hashlib.sha256(data).hexdigest()}" if self.digests else None,
                }
                for number, (name, data) in enumerate(self.assets[version].items())
            ],
        }

    def answer(self, handler: Handler) -> None:
        path = handler.path
        self.asked.append((path, {name.lower(): value for name, value in handler.headers.items()}))
        if path in self.answers:
            self.answers[path](handler)
            return
        for version, files in self.assets.items():
            if path == self.release_path(version):
                handler.give(200, json.dumps(self.description(version)).encode(), "application/json")
                return
            for number, data in enumerate(files.values()):
                if path == self.asset_path(version, number):
                    handler.give(200, data, "application/octet-stream")
                    return
        handler.give(404, b'{"message": "Not Found"}', "application/json")


class Handler(BaseHTTPRequestHandler):
    """One request; ``released`` ends answers that wait, when the server ends."""

    protocol_version = "HTTP/1.1"
    releases: Releases
    released: threading.Event

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):
            self.releases.answer(self)

    def give(self, status: int, body: bytes, kind: str = "text/plain", **headers: str) -> None:
        self.head(status, len(body), kind, **headers)
        self.wfile.write(body)

    def head(self, status: int, size: int, kind: str = "application/octet-stream", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[Releases]:
    """Serve on any port; with ``context`` over TLS."""
    releases = Releases()
    released = threading.Event()
    kind = type("Bound", (Handler,), {"releases": releases, "released": released})
    server = _Server(("127.0.0.1", 0), kind)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if context is None else "https"
    releases.address = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield releases
    finally:
        released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that goes away, or that does not trust us, is no news."""


def authority(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate authority; return its certificate and a server's side of TLS for 127.0.0.1."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl(
        "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test", "-days", "2", *usage
    )
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", "-out", "server.crt", *signed)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    return folder / "ca.crt", context
