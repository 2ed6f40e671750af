"""Downloads of what a release holds: redirects, TLS, whom the token goes to, and failures in plain words."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import httpx2

from kuadrant import __version__
from kuadrant.wasm.fetch_error import FetchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JSON = "application/vnd.github+json"
BYTES = "application/octet-stream"
_LARGEST = 64 * 2**20
_LARGEST_TEXT = 4 * 2**20
_MOST_REDIRECTS = 5
_HEADERS = {"User-Agent": f"kuadrant/{__version__}", "X-GitHub-Api-Version": "2022-11-28"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Downloads:
    """GET requests, with the token for the source's own host, and every failure in a line of words."""

    def __init__(self, source: str, token: str | None, patience: float, longest: float) -> None:
        """Begin; what comes later than ``longest`` seconds from now is not waited for.

        Args:
            source: The root of the API; the token goes to its host and no other.
            token: The token, or None.
            patience: How many seconds a server may be silent.
            longest: How many seconds everything may take.

        Raises:
            FetchError: the settings of the network are wrong.
        """
        self._source = source
        self._token = token
        self._patience = patience
        self._longest = longest
        self._deadline = time.monotonic() + longest
        try:
            self._client = httpx2.Client(
                timeout=httpx2.Timeout(patience),
                headers=_HEADERS,
                # A kept connection may be gone when it is needed; there are two or three requests.
                limits=httpx2.Limits(max_keepalive_connections=0),
            )
        except (OSError, ValueError, httpx2.InvalidURL) as error:
            raise FetchError(
                f"the network's settings are wrong ({error}); look at SSL_CERT_FILE and HTTPS_PROXY"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def text(self, url: str, accept: str) -> bytes:
        """Return the body of a small answer."""
        with self._answer(url, accept) as response:
            return b"".join(self._parts(response, _LARGEST_TEXT))

    def file(self, url: str, target: Path, progress: Callable[[int, int | None], None]) -> str:
        """Write the body to ``target`` and return its SHA-256."""
        digest = hashlib.sha256()
        done = 0
        with self._answer(url, BYTES) as response, target.open("wb") as file:
            length = response.headers.get("content-length", "")
            size = int(length) if length.isascii() and length.isdigit() else None
            for part in self._parts(response, _LARGEST):
                file.write(part)
                digest.update(part)
                done += len(part)
                progress(done, size)
        return digest.hexdigest()

    def _parts(self, response: httpx2.Response, largest: int) -> Iterator[bytes]:
        size = 0
        for part in response.iter_raw():
            size += len(part)
            if size > largest:
                raise FetchError(f"{response.url} gives more than {largest // 2**20} MiB; that is no module")
            if time.monotonic() > self._deadline:
                raise FetchError(
                    f"{response.url} has not given everything in {self._longest:.0f} s; try again later"
                )
            yield part

    @contextlib.contextmanager
    def _answer(self, url: str, accept: str) -> Iterator[httpx2.Response]:
        """The answer 200 to a GET of ``url``, with its body still to be read."""
        host = _host(url)
        try:
            request: httpx2.Request | None = self._client.build_request(
                "GET", url, headers=self._request_headers(url, accept)
            )
            for _ in range(_MOST_REDIRECTS + 1):
                assert request is not None
                host = request.url.host
                response = self._client.send(request, stream=True)
                try:
                    if response.next_request is None:
                        self._require_ok(response)
                        yield response
                        return
                    request = self._next(response, url)
                finally:
                    response.close()
            raise FetchError(
                f"{url} leads from address to address without end; give another --source or --from-url"
            )
        except httpx2.TimeoutException:
            raise FetchError(
                f"{host} has been silent for {self._patience:g} s; try again, or use --from-file"
            ) from None
        except (httpx2.RemoteProtocolError, httpx2.ReadError) as error:
            raise FetchError(f"what {host} sent was cut short ({error}); try again") from None
        except httpx2.NetworkError as error:
            raise FetchError(_unreachable(host, error)) from None
        except httpx2.ProxyError as error:
            raise FetchError(
                f"the proxy does not lead to {host} ({error}); look at HTTPS_PROXY and NO_PROXY"
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise FetchError(f"{url} cannot be had: {error}") from None

    def _request_headers(self, url: str, accept: str) -> dict[str, str]:
        """The token goes to the source itself, and never where others could read it on its way."""
        source, asked = urlsplit(self._source), urlsplit(url)
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        if self._token and is_safe(url) and (asked.scheme, asked.netloc) == (source.scheme, source.netloc):
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _next(self, response: httpx2.Response, url: str) -> httpx2.Request:
        """Return the request that a redirect asks for: without the token if it leads to another origin."""
        request = response.next_request
        assert request is not None
        left = response.url.scheme == "https" and request.url.scheme != "https"
        if left or (is_safe(str(response.url)) and not is_safe(str(request.url))):
            raise FetchError(
                f"{url} leads to {request.url.host} without TLS, where anybody could change the bytes;"
                " it is not followed"
            )
        origins = {(one.scheme, one.host, one.port) for one in (response.url, request.url)}
        if len(origins) > 1:
            request.headers.pop("Authorization", None)
        return request

    def _require_ok(self, response: httpx2.Response) -> None:
        status, url = response.status_code, response.url
        if status == 200:
            return
        if status in (403, 429) and _used_up(response):
            hint = "" if self._token else "; set GITHUB_TOKEN for a larger limit"
            raise FetchError(f"{url.host} takes no more requests from here {_until(response)}{hint}")
        if status == 401:
            raise FetchError(f"{url.host} does not take the token in GITHUB_TOKEN; correct it or unset it")
        if status == 404:
            raise FetchError(
                f"{url} does not exist; look at the version, and at WASM_SHIM_SOURCE if you set it"
            )
        if status >= 500:
            raise FetchError(f"{url.host} answers {status}; it is out of order, try again later")
        raise FetchError(
            f"{url} answers {status}; it cannot be had from there, try --from-file or --from-url"
        )


def is_safe(url: str) -> bool:
    """Tell whether nobody on the way can change what comes: by TLS, or because there is no way."""
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _used_up(response: httpx2.Response) -> bool:
    return response.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in response.headers


def _until(response: httpx2.Response) -> str:
    """Return until when requests are refused, in words."""
    reset = response.headers.get("x-ratelimit-reset", "")
    if reset.isascii() and reset.isdigit() and len(reset) < 12:
        return f"until {datetime.fromtimestamp(int(reset), UTC):%Y-%m-%d %H:%M:%S} UTC"
    wait = response.headers.get("retry-after", "")
    return f"for {wait} s" if wait.isascii() and wait.isdigit() else "for now"


def _unreachable(host: str, error: BaseException) -> str:
    """Tell a certificate that is not trusted from a network that is not there."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", "") or cause.reason or str(cause)
            return (
                f"the TLS certificate of {host} is not trusted ({reason});"
                " SSL_CERT_FILE names the authorities that are"
            )
        cause = cause.__cause__ or cause.__context__
    return f"{host} cannot be reached ({error}); look at the network and HTTPS_PROXY, or use --from-file"
