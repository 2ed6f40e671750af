"""Getting an official module into a folder: looked up, downloaded, checked, and only then stored."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import httpx2
from msgspec import Struct

from kuadrant import __version__
from kuadrant.wasm import catalogue, lock, releases, store
from kuadrant.wasm.module import NotAModule, inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LARGEST = 64 * 2**20
_LARGEST_TEXT = 4 * 2**20
_MOST_REDIRECTS = 5
_JSON = "application/vnd.github+json"
_BYTES = "application/octet-stream"
_HEADERS = {"User-Agent": f"kuadrant/{__version__}", "X-GitHub-Api-Version": "2022-11-28"}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class FetchError(Exception):
    """No module was stored and nothing was changed; the text tells in a line why, and what to do."""


class Wanted(Struct, frozen=True, kw_only=True):
    """Which module, and where from: the release of ``version`` at ``source``, or ``file`` or ``url`` in its place.

    ``sha256`` is what the bytes have to have, None to go by what is published beside them; ``trust`` takes them where
    nothing is. ``token`` goes to ``source`` and no other host. ``patience`` is how many seconds a server may be silent, and ``longest``
    how many everything may take.
    """

    version: str
    sha256: str | None = None
    trust: bool = False
    file: Path | None = None
    url: str | None = None
    source: str = releases.GITHUB
    token: str | None = None
    patience: float = 30.0
    longest: float = 600.0


def fetch(
    folder: Path,
    wanted: Wanted,
    say: Callable[[str], None],
    progress: Callable[[int, int | None], None] = lambda _done, _all: None,
) -> lock.Entry:
    """Store the module in ``folder``, as the one to be served first, and return its entry.

    ``say`` is told what is done, a line each time; ``progress`` how many bytes of how many are there.

    Raises:
        FetchError: it cannot be had, or its bytes are not what they should be.
    """
    try:
        dialects = releases.dialects(wanted.version)
        present = store.chosen(folder)
        if present is not None and _is_wanted(present, wanted):
            say(
                f"wasm-shim@{wanted.version} is there already; remove {folder / catalogue.CHOSEN} to fetch it again"
            )
            return present
        with store.temporary(folder) as target:
            source, digest = _get(wanted, target, say, progress)
            _check(target, wanted, digest, source)
            size = target.stat().st_size
            entry = lock.Entry(
                name=catalogue.CHOSEN,
                version=wanted.version,
                file=store.file_name(wanted.version, digest),
                sha256=digest,
                size=size,
                dialects=dialects,
                source=source,
            )
            store.keep(folder, entry, target)
    except (releases.ReleaseError, catalogue.CatalogueError) as error:
        raise FetchError(str(error)) from None
    except OSError as error:
        raise FetchError(f"{error.filename or folder}: {error.strerror or error}") from None
    return entry


def _is_wanted(present: lock.Entry, wanted: Wanted) -> bool:
    return (
        wanted.file is None
        and wanted.url is None
        and present.version == wanted.version
        and wanted.sha256 in (None, present.sha256)
    )


def _get(
    wanted: Wanted, target: Path, say: Callable[[str], None], progress: Callable[[int, int | None], None]
) -> tuple[str, str]:
    """Fill ``target``; return where from, and the SHA-256 that its bytes should have: its own where that is to be trusted."""
    name = f"wasm-shim@{wanted.version}"
    if wanted.file is not None:
        expected = _expected(wanted, _beside(wanted.file), f"{wanted.file} has no checksum beside it")
        say(f"Taking {name} from {wanted.file}")
        data = wanted.file.read_bytes()
        target.write_bytes(data)
        return wanted.file.name, expected or hashlib.sha256(data).hexdigest()
    with _Downloads(wanted) as downloads:
        if wanted.url is not None:
            expected = _expected(wanted, None, "nothing tells which bytes that address should give")
            asset = releases.Asset("", wanted.url)
        else:
            release = releases.read_release(
                downloads.text(releases.release_address(wanted.source, wanted.version), _JSON)
            )
            asset = releases.module_asset(release, wanted.version)
            published = None if wanted.sha256 else _published(downloads, release, asset)
            expected = _expected(wanted, published, f"the release {wanted.version} publishes no checksum")
        say(f"Downloading {name} from {asset.url}")
        digest = downloads.file(asset.url, target, progress)
        return asset.url, expected or digest


def _published(downloads: _Downloads, release: releases.Release, asset: releases.Asset) -> str | None:
    """Return the digest that the API or a checksum file of the release tells of ``asset``."""
    if asset.digest is not None:
        digest = releases.read_digest(asset.digest)
        if digest is None:
            raise FetchError(
                f"the release tells the digest {asset.digest!r}, which is no SHA-256; give --sha256"
            )
        return digest
    checksums = releases.checksum_asset(release, asset)
    if checksums is None:
        return None
    told = releases.read_checksums(
        downloads.text(checksums.url, _BYTES).decode("utf-8", "replace"), asset.name
    )
    if told is None:
        raise FetchError(f"{checksums.url} tells no SHA-256 of {asset.name}; give --sha256")
    return told


def _beside(file: Path) -> str | None:
    with contextlib.suppress(FileNotFoundError):
        text = file.with_name(f"{file.name}.sha256").read_text(encoding="utf-8", errors="replace")
        return releases.read_checksums(text, file.name)
    return None


def _expected(wanted: Wanted, published: str | None, lacking: str) -> str | None:
    expected = wanted.sha256 or published
    if expected is None and not wanted.trust:
        raise FetchError(f"{lacking}; give --sha256, or --trust-first-use to take whatever bytes come")
    return expected


def _check(target: Path, wanted: Wanted, digest: str, source: str) -> None:
    """Refuse what is not the wanted module, or none that Envoy could load."""
    data = target.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    try:
        problems = inspect(data).problems
    except NotAModule as error:
        problems = (str(error),)
    if found != digest:
        why = f" ({problems[0]})" if problems else ""
        given = "--sha256" if wanted.sha256 else "the published one"
        raise FetchError(
            f"{source} gives bytes of sha256 {found}, but {given} is {digest}{why}; they are not stored"
        )
    if problems:
        raise FetchError(f"Envoy could not load what {source} gives: {'; '.join(problems)}; it is not stored")


class _Downloads:
    """GET requests, with the token for the source's own host, and every failure in a line of words."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._deadline = time.monotonic() + wanted.longest
        try:
            self._client = httpx2.Client(
                timeout=httpx2.Timeout(wanted.patience),
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
        with self._answer(url, _BYTES) as response, target.open("wb") as file:
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
                    f"{response.url} has not given everything in {self._wanted.longest:.0f} s; try again later"
                )
            yield part

    @contextlib.contextmanager
    def _answer(self, url: str, accept: str) -> Iterator[httpx2.Response]:
        """The answer 200 to a GET of ``url``, with its body still to be read."""
        host = _host(url)
        try:
            request: httpx2.Request | None = self._client.build_request(
                "GET", url, headers=self._headers(url, accept)
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
                f"{host} has been silent for {self._wanted.patience:g} s; try again, or use --from-file"
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

    def _headers(self, url: str, accept: str) -> dict[str, str]:
        """The token goes to the source itself, and never where others could read it on its way."""
        source, asked = urlsplit(self._wanted.source), urlsplit(url)
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        safe = asked.scheme == "https" or asked.hostname in _LOOPBACK
        if self._wanted.token and safe and (asked.scheme, asked.netloc) == (source.scheme, source.netloc):
            headers["Authorization"] = f"Bearer {self._wanted.token}"
        return headers

    def _next(self, response: httpx2.Response, url: str) -> httpx2.Request:
        """Return the request that a redirect asks for: without the token if it leads to another origin."""
        request = response.next_request
        assert request is not None
        if response.url.scheme == "https" and request.url.scheme != "https":
            raise FetchError(
                f"{url} leads to {request.url.host} without TLS, where anybody could change the bytes; it is not followed"
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
            hint = "" if self._wanted.token else "; set GITHUB_TOKEN for a larger limit"
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
            return f"the TLS certificate of {host} is not trusted ({reason}); SSL_CERT_FILE names the authorities that are"
        cause = cause.__cause__ or cause.__context__
    return f"{host} cannot be reached ({error}); look at the network and HTTPS_PROXY, or use --from-file"
