"""Fetching an official module: what is stored is what was published, or nothing is."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import pty
import socket
import subprocess
import sys
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from kuadrant import cli
from kuadrant.wasm import carried, current, embedded
from tests import releases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.releases import Handler, Releases

OLD, NEW = "v0.4.0-alpha.3", "v0.4.0-alpha.4"
# Two modules that Envoy can load.
OLD_MODULE, NEW_MODULE = (module.data + b"\0\2\1x" for module in embedded()[:2])


SHA256 = hashlib.sha256(NEW_MODULE).hexdigest()


@pytest.fixture(scope="module")
def server() -> Iterator[Releases]:
    with releases.serve() as one:
        yield one


@pytest.fixture
def github(server: Releases) -> Releases:
    """A GitHub that has two releases, and does as it should."""
    server.assets.clear()
    server.answers.clear()
    server.asked.clear()
    server.digests = True
    server.publish(OLD, OLD_MODULE)
    server.publish(NEW, NEW_MODULE)
    return server


class Checkout:
    """A folder, and the command in it."""

    def __init__(self, folder: Path, github: Releases) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "WASM_SHIM_SOURCE": github.address,
        }

    def fetch(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("fetch", *arguments, **environment)

    def run(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `kuadrant wasm` here, in this process: starting another takes longer than all that it does."""
        words = ["wasm", *map(str, arguments)]
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, {**self.environment, **environment}, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main(words)
        code = ended.value.code
        if isinstance(code, str):  # which the interpreter would print
            return subprocess.CompletedProcess(words, 1, out.getvalue(), f"{err.getvalue()}{code}\n")
        return subprocess.CompletedProcess(words, int(code or 0), out.getvalue(), err.getvalue())

    @property
    def content(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self.folder.iterdir()}


@pytest.fixture
def checkout(tmp_path: Path, github: Releases) -> Checkout:
    folder = tmp_path / "checkout"
    folder.mkdir()
    return Checkout(folder, github)


@pytest.fixture
def with_old(checkout: Checkout) -> Checkout:
    """A checkout in which a module was fetched."""
    done = checkout.fetch(OLD)
    assert done.returncode == 0, done.stderr
    return checkout


# What a person sees, and what is there


def test_a_release_is_fetched_and_named_with_its_checksum(checkout: Checkout, github: Releases) -> None:
    done = checkout.fetch(NEW)

    sha256 = hashlib.sha256(NEW_MODULE).hexdigest()
    assert done.stdout.splitlines() == [
        f"Downloading wasm-shim@{NEW} from {github.address}{github.asset_path(NEW)}",
        f"{sha256}  kuadrant-wasm-shim",
    ]
    assert (done.returncode, done.stderr) == (0, "")
    assert (checkout.folder / "kuadrant-wasm-shim").read_bytes() == NEW_MODULE
    checked = subprocess.run(
        ["sha256sum", "--check"],
        input=done.stdout.splitlines()[1],
        cwd=checkout.folder,
        text=True,
        check=False,
    )
    assert checked.returncode == 0


def test_it_is_current_with_the_dialect_of_its_version_and_our_own_are_served_behind_it(
    checkout: Checkout, github: Releases
) -> None:
    checkout.fetch(NEW)

    module = current(checkout.folder)
    assert (module.data, module.version, module.dialects) == (NEW_MODULE, NEW, ("rate-limit-policies",))
    assert module.source == github.address + github.asset_path(NEW)
    assert carried(checkout.folder)[1:] == embedded()


def test_removed_and_fetched_again_the_one_before_is_still_served(with_old: Checkout) -> None:
    (with_old.folder / "kuadrant-wasm-shim").unlink()
    assert current(with_old.folder) == embedded()[0]

    assert with_old.fetch(NEW).returncode == 0

    assert [module.version for module in carried(with_old.folder)] == [
        NEW,
        *(one.version for one in embedded()),
        OLD,
    ]


def test_another_version_takes_the_place_of_the_one_before(with_old: Checkout) -> None:
    assert with_old.fetch(NEW).returncode == 0

    assert current(with_old.folder).version == NEW


def test_what_is_there_already_is_not_downloaded_again(with_old: Checkout, github: Releases) -> None:
    github.asked.clear()
    before = with_old.content

    done = with_old.fetch(OLD)

    assert done.stdout.splitlines() == [
        f"wasm-shim@{OLD} is there already; remove kuadrant-wasm-shim to fetch it again",
        f"{hashlib.sha256(OLD_MODULE).hexdigest()}  kuadrant-wasm-shim",
    ]
    assert (github.asked, with_old.content) == ([], before)


def test_a_copy_that_was_changed_is_fetched_anew(with_old: Checkout) -> None:
    (with_old.folder / "kuadrant-wasm-shim").write_bytes(b"changed")

    assert with_old.fetch(OLD).returncode == 0

    assert current(with_old.folder).data == OLD_MODULE


def test_programs_get_the_entry(checkout: Checkout) -> None:
    done = checkout.fetch(NEW, "-o", "json")

    assert json.loads(done.stdout)["sha256"] == hashlib.sha256(NEW_MODULE).hexdigest()


def test_a_terminal_shows_progress_and_keeps_none_of_it(checkout: Checkout) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "kuadrant", "wasm", "fetch", NEW],
        cwd=checkout.folder,
        env=checkout.environment,
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=False,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the terminal is closed
        pass
    os.close(ours)

    assert done.returncode == 0
    assert b"[##############################] 0.2 of 0.2 MiB" in shown
    assert shown.rpartition(b"\r")[2] == b""


# What proves the bytes


def test_a_given_checksum_counts_more_than_a_published_one(checkout: Checkout, github: Releases) -> None:
    github.digests = False

    assert checkout.fetch(NEW, "--sha256", hashlib.sha256(NEW_MODULE).hexdigest().upper()).returncode == 0
    done = checkout.fetch(OLD, "--sha256", "0" * 64)

    assert done.returncode == 1
    assert f"but --sha256 is {'0' * 64}; they are not stored" in done.stderr
    assert current(checkout.folder).version == NEW


@pytest.mark.parametrize("name", ["{module}.sha256", "{module}.sha256sum", "SHA256SUMS", "checksums.txt"])
@pytest.mark.parametrize("version", [NEW, OLD])
def test_a_checksum_file_of_the_release_proves_the_bytes(
    checkout: Checkout, github: Releases, name: str, version: str
) -> None:
    github.digests = False
    module = f"kuadrant-wasm-shim-{version}"
    lines = f"{'0' * 64}  other\n{hashlib.sha256(NEW_MODULE).hexdigest()} *dist/{module}\n"
    github.publish(
        version, NEW_MODULE if version == NEW else OLD_MODULE, **{name.format(module=module): lines.encode()}
    )

    done = checkout.fetch(version)

    if version == NEW:
        assert done.returncode == 0
    else:
        is_refused(
            done, f"but the published one is {hashlib.sha256(NEW_MODULE).hexdigest()}; they are not stored"
        )


def test_without_any_checksum_nothing_is_taken_unless_one_trusts(
    checkout: Checkout, github: Releases
) -> None:
    github.digests = False

    done = checkout.fetch(NEW)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"kuadrant: the release {NEW} publishes no checksum;"
        " give --sha256, or --trust-first-use to take whatever bytes come\n"
    )
    assert checkout.content == {}
    assert checkout.fetch(NEW, "--trust-first-use").returncode == 0
    assert current(checkout.folder).data == NEW_MODULE


# Other places


def test_a_file_is_proven_by_the_checksum_beside_it(checkout: Checkout, tmp_path: Path) -> None:
    file = tmp_path / "module.wasm"
    file.write_bytes(NEW_MODULE)
    assert f"{file} has no checksum beside it" in checkout.fetch(NEW, "--from-file", file).stderr
    (tmp_path / "module.wasm.sha256").write_text(f"{hashlib.sha256(NEW_MODULE).hexdigest()}\n")

    done = checkout.fetch(NEW, "--from-file", file)

    assert done.stdout.splitlines()[0] == f"Taking wasm-shim@{NEW} from {file}"
    assert current(checkout.folder).data == NEW_MODULE


def test_an_address_is_proven_by_a_given_checksum(checkout: Checkout, github: Releases) -> None:
    url = github.address + github.asset_path(NEW)
    assert (
        "nothing tells which bytes that address should give" in checkout.fetch(NEW, "--from-url", url).stderr
    )

    done = checkout.fetch(NEW, "--from-url", url, "--sha256", hashlib.sha256(NEW_MODULE).hexdigest())

    assert done.stdout.splitlines()[0] == f"Downloading wasm-shim@{NEW} from {url}"
    assert current(checkout.folder).data == NEW_MODULE


def test_a_mirror_may_be_a_repository(checkout: Checkout, github: Releases) -> None:
    github.answers["/repos/us/copy/releases/tags/" + NEW] = lambda handler: handler.give(
        200, json.dumps(github.description(NEW)).encode()
    )

    assert checkout.fetch(NEW, WASM_SHIM_SOURCE=f"{github.address}/repos/us/copy/").returncode == 0


def test_a_proxy_is_used_as_the_environment_says(checkout: Checkout, github: Releases) -> None:
    source = "http://mirror.example.com"
    github.address, address = source, github.address
    path = github.release_path(NEW)
    github.answers[source + path] = lambda handler: handler.give(
        200, json.dumps(github.description(NEW)).encode()
    )
    github.answers[source + github.asset_path(NEW)] = lambda handler: handler.give(200, NEW_MODULE)
    try:
        done = checkout.fetch(NEW, "--sha256", SHA256, WASM_SHIM_SOURCE=source, HTTP_PROXY=address)
    finally:
        github.address = address

    assert done.returncode == 0, done.stderr


# Without TLS


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--trust-first-use",),
        ("--from-url", "http://mirror.example.com/module"),
        ("--from-url", "http://mirror.example.com/module", "--trust-first-use"),
    ],
)
def test_what_is_published_without_tls_is_not_believed(
    with_old: Checkout, github: Releases, arguments: tuple[str, ...]
) -> None:
    before = with_old.content
    github.asked.clear()
    source = "http://mirror.example.com"
    done = with_old.fetch(NEW, *arguments, WASM_SHIM_SOURCE=source, HTTP_PROXY=github.address)

    is_refused(done, "is without TLS: whoever could change the bytes")
    is_refused(done, "give --sha256, or an address with https")
    assert github.asked == []
    assert with_old.content == before


def test_checksums_that_come_without_tls_are_not_believed(with_old: Checkout, github: Releases) -> None:
    described = github.description(NEW)
    described["assets"][0]["digest"] = None
    described["assets"].append(
        {"name": "SHA256SUMS", "url": "http://mirror.example.com/sums", "size": 100, "digest": None}
    )
    github.answers[github.release_path(NEW)] = lambda handler: handler.give(
        200, json.dumps(described).encode()
    )

    is_refused(
        with_old.fetch(NEW, HTTP_PROXY=github.address, NO_PROXY="127.0.0.1"),
        "http://mirror.example.com/sums is without TLS",
    )


def test_from_here_nothing_leads_to_where_there_is_no_tls(with_old: Checkout, github: Releases) -> None:
    github.answers[github.asset_path(NEW)] = lambda handler: handler.give(
        302, b"", Location="http://mirror.example.com/module"
    )

    is_refused(with_old.fetch(NEW), "without TLS, where anybody could change the bytes; it is not followed")


# The token


def token_of(github: Releases, path: str) -> str | None:
    (headers,) = [headers for asked, headers in github.asked if asked == path]
    return headers.get("authorization")


def test_the_token_goes_to_the_source_and_not_where_it_redirects_to(
    checkout: Checkout, github: Releases
) -> None:
    with releases.serve() as elsewhere:
        elsewhere.answers["/bytes"] = lambda handler: handler.give(200, NEW_MODULE)
        github.answers[github.asset_path(NEW)] = lambda handler: handler.give(
            302, b"", Location=f"{elsewhere.address}/bytes"
        )

        done = checkout.fetch(NEW, GITHUB_TOKEN="secret")

        assert done.returncode == 0, done.stderr
        assert token_of(github, github.release_path(NEW)) == "Bearer secret"
        assert token_of(github, github.asset_path(NEW)) == "Bearer secret"
        assert token_of(elsewhere, "/bytes") is None
        assert "secret" not in done.stdout + done.stderr


def test_the_token_does_not_go_to_an_asset_elsewhere(checkout: Checkout, github: Releases) -> None:
    with releases.serve() as elsewhere:
        elsewhere.answers["/bytes"] = lambda handler: handler.give(200, NEW_MODULE)
        description = github.description(NEW)
        description["assets"][0]["url"] = f"{elsewhere.address}/bytes"
        github.answers[github.release_path(NEW)] = lambda handler: handler.give(
            200, json.dumps(description).encode()
        )

        assert checkout.fetch(NEW, GITHUB_TOKEN="secret").returncode == 0
        assert token_of(elsewhere, "/bytes") is None


# Faults


def cut_short(handler: Handler) -> None:
    handler.head(200, len(NEW_MODULE))
    handler.wfile.write(NEW_MODULE[: len(NEW_MODULE) // 2])


def stalled(handler: Handler) -> None:
    handler.head(200, len(NEW_MODULE))
    handler.wfile.write(NEW_MODULE[:1000])
    handler.wfile.flush()
    handler.released.wait()


def round_and_round(handler: Handler) -> None:
    handler.give(302, b"", Location=handler.path)


HTML = b"<!DOCTYPE html><title>Please sign in</title>"
USED_UP = {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "1800000000"}
FAULTS: dict[str, tuple[str, Callable[[Handler], None], str]] = {
    "no such release": (
        "release",
        lambda one: one.give(404, b"{}"),
        "/releases/tags/{new} does not exist; look at the version, and at WASM_SHIM_SOURCE if you set it",
    ),
    "no such asset": (
        "asset",
        lambda one: one.give(404, b"{}"),
        "does not exist; look at the version, and at WASM_SHIM_SOURCE if you set it",
    ),
    "rate limited": (
        "release",
        lambda one: one.give(403, b"{}", **USED_UP),
        (
            "127.0.0.1 takes no more requests from here until 2027-01-15 08:00:00 UTC; set "
            "GITHUB_TOKEN for a "
            "larger limit"
        ),
    ),
    "rate limited again": (
        "asset",
        lambda one: one.give(429, b"{}", Retry_After="60"),
        "127.0.0.1 takes no more requests from here for 60 s; set GITHUB_TOKEN for a larger limit",
    ),
    "forbidden": (
        "asset",
        lambda one: one.give(403, b"{}"),
        "answers 403; it cannot be had from there, try --from-file or --from-url",
    ),
    "a wrong token": (
        "release",
        lambda one: one.give(401, b"{}"),
        "127.0.0.1 does not take the token in GITHUB_TOKEN; correct it or unset it",
    ),
    "out of order": (
        "asset",
        lambda one: one.give(502, b""),
        "127.0.0.1 answers 502; it is out of order, try again later",
    ),
    "no JSON": ("release", lambda one: one.give(200, HTML), "that is not the description of a release: "),
    "no module": (
        "release",
        lambda one: one.give(200, b'{"assets": [{"name": "notes", "url": "x"}]}'),
        "wasm-shim@{new} was released without a module: there is no kuadrant-wasm-shim-{new}, there is notes",
    ),
    "no digest": (
        "release",
        lambda one: one.give(
            200, b'{"assets": [{"name": "kuadrant-wasm-shim-v0.4.0-alpha.4", "url": "x", "digest": "md5:1"}]}'
        ),
        "the release tells the digest 'md5:1', which is no SHA-256; give --sha256",
    ),
    "cut short": ("asset", cut_short, "what 127.0.0.1 sent was cut short ("),
    "stalled": ("asset", stalled, "127.0.0.1 has been silent for 0.25 s; try again, or use --from-file"),
    "round and round": ("asset", round_and_round, "leads from address to address without end"),
    "HTML": (
        "asset",
        lambda one: one.give(200, HTML, "text/html"),
        "(not a wasm module: it does not begin with the bytes 00 61 73 6d (at byte 0)); they are not stored",
    ),
    "a wrong digest": (
        "asset",
        lambda one: one.give(200, OLD_MODULE),
        (
            f"gives bytes of sha256 {hashlib.sha256(OLD_MODULE).hexdigest()}, but the published one is"
            f" {hashlib.sha256(NEW_MODULE).hexdigest()}; they are not stored"
        ),
    ),
    "other checksums": (
        "release",
        lambda one: one.give(
            200,
            json.dumps(
                {
                    "assets": [
                        {"name": f"kuadrant-wasm-shim-{NEW}", "url": "x"},
                        {"name": "SHA256SUMS", "url": f"{one.releases.address}/sums"},
                    ]
                }
            ).encode(),
        ),
        "/sums tells no SHA-256 of kuadrant-wasm-shim-{new}; give --sha256",
    ),
    "no bytes": ("asset", lambda one: one.give(200, b""), "they are not stored"),
}


def is_refused(done: subprocess.CompletedProcess[str], words: str) -> None:
    """The command has failed, and said why in one line."""
    assert done.returncode == 1
    assert done.stderr.startswith("kuadrant: ")
    assert done.stderr.count("\n") == 1
    assert words.format(new=NEW) in done.stderr
    assert all(line.startswith("Downloading ") for line in done.stdout.splitlines())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_a_line_and_leaves_all_as_it_was(
    with_old: Checkout, github: Releases, fault: str
) -> None:
    where, answer, words = FAULTS[fault]
    path = github.release_path(NEW) if where == "release" else github.asset_path(NEW)
    github.answers[path] = answer
    github.answers["/sums"] = lambda handler: handler.give(200, b"404: nothing here\n")
    before = with_old.content

    done = with_old.fetch(NEW, "--timeout", "250ms" if fault == "stalled" else "10s")

    is_refused(done, words)
    assert with_old.content == before
    github.answers.clear()
    assert with_old.fetch(NEW).returncode == 0


def test_what_envoy_could_not_load_is_not_stored(with_old: Checkout, github: Releases) -> None:
    before = with_old.content
    github.publish(NEW, HTML)
    is_refused(with_old.fetch(NEW), "gives: not a wasm module: it does not begin with the bytes 00 61 73 6d")
    github.publish(NEW, b"\0asm\1\0\0\0")
    is_refused(with_old.fetch(NEW), "it exports no function proxy_abi_version_*")

    assert with_old.content == before


def test_an_unknown_version_is_refused_with_the_known_ones(with_old: Checkout, github: Releases) -> None:
    github.asked.clear()

    done = with_old.fetch("v99.0.0")

    is_refused(
        done, "wasm-shim@v99.0.0 is not known here, so it could not be configured; known are v0.4.0-alpha.1, "
    )
    assert github.asked == []


def test_no_network_is_told(with_old: Checkout) -> None:
    before = with_old.content
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"

    is_refused(with_old.fetch(NEW, WASM_SHIM_SOURCE=closed), "127.0.0.1 cannot be reached (")
    is_refused(
        with_old.fetch(NEW, WASM_SHIM_SOURCE="https://nowhere.invalid"), "nowhere.invalid cannot be reached ("
    )
    is_refused(
        with_old.fetch(NEW, HTTPS_PROXY=closed, WASM_SHIM_SOURCE="https://mirror.example.com"),
        "cannot be reached",
    )
    is_refused(with_old.fetch(NEW, WASM_SHIM_SOURCE="ftp://x"), "cannot be had")
    assert with_old.content == before


def test_tls_is_checked_by_the_authorities_that_the_environment_names(
    with_old: Checkout, tmp_path: Path
) -> None:
    certificate, context = releases.authority(tmp_path)
    before = with_old.content
    with releases.serve(context) as mirror:
        mirror.publish(NEW, NEW_MODULE)

        refused = with_old.fetch(NEW, WASM_SHIM_SOURCE=mirror.address)

        is_refused(refused, "the TLS certificate of 127.0.0.1 is not trusted (")
        assert with_old.content == before
        done = with_old.fetch(NEW, WASM_SHIM_SOURCE=mirror.address, SSL_CERT_FILE=str(certificate))
        assert done.returncode == 0, done.stderr


def test_a_way_out_of_tls_is_not_taken(with_old: Checkout, github: Releases, tmp_path: Path) -> None:
    certificate, context = releases.authority(tmp_path)
    with releases.serve(context) as mirror:
        mirror.publish(NEW, NEW_MODULE)
        mirror.answers[mirror.asset_path(NEW)] = lambda handler: handler.give(
            302, b"", Location=github.address + github.asset_path(NEW)
        )

        done = with_old.fetch(NEW, WASM_SHIM_SOURCE=mirror.address, SSL_CERT_FILE=str(certificate))

    is_refused(done, "without TLS, where anybody could change the bytes; it is not followed")


def test_settings_of_the_network_that_are_wrong_are_named(with_old: Checkout) -> None:
    is_refused(with_old.fetch(NEW, SSL_CERT_FILE="/nowhere"), "look at SSL_CERT_FILE and HTTPS_PROXY")


def test_a_folder_that_cannot_be_written_to_is_named(checkout: Checkout) -> None:
    (checkout.folder / "file").write_bytes(b"")

    is_refused(checkout.fetch(NEW, "--modules", "file"), "file: File exists")


# Afterwards


def test_what_is_no_longer_needed_is_removed(checkout: Checkout) -> None:
    for version in (OLD, NEW):
        checkout.fetch(version)
    (checkout.folder / ".kuadrant-wasm-shim.abc").write_bytes(b"left behind")

    assert checkout.run("gc").stdout.splitlines() == [".kuadrant-wasm-shim.abc"]
    assert [module.version for module in carried(checkout.folder)][-1] == OLD
    assert checkout.run("gc", "--keep", "0").stdout.splitlines() == [
        f"kuadrant-wasm-shim@{OLD}-{hashlib.sha256(OLD_MODULE).hexdigest()[:12]}"
    ]
    assert [module.version for module in carried(checkout.folder)] == [
        NEW,
        *(one.version for one in embedded()),
    ]


def test_the_module_that_is_chosen_is_listed_first(with_old: Checkout) -> None:
    listed = with_old.run("list", "--modules", ".").stdout.splitlines()

    assert listed[0].startswith(f"kuadrant-wasm-shim {OLD} ")
    assert listed[0].endswith("rate-limit-policies  current")
    assert len(listed) == 1 + len(embedded())
