"""A module as an image of a registry that can only be read."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

import pytest

from kuadrant.wasm import Module, oci
from kuadrant.wasm.http_conversation import Conversation
from kuadrant.wasm.http_request import Request
from kuadrant.wasm.http_response import end_of_head
from kuadrant.wasm.module_shelf import Shelf
from kuadrant.wasm.oci_registry import Registry

NEW = Module("shim", b"\0asm\1\0\0\0" + bytes(range(256)) * 600, version="0.2.0")
OLD = Module("shim", b"\0asm\1\0\0\0old", version="v0.1.0")
SHELF = Shelf([NEW, OLD])
REPOSITORY = "/v2/kuadrant-wasm-shim"
IMAGE = oci.image(NEW)


class Answer:
    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *fields = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.fields = dict(field.split(": ", 1) for field in fields)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(target: str, method: str = "GET", *fields: str) -> Answer:
    conversation = Conversation()
    conversation.receive("\r\n".join((f"{method} {target} HTTP/1.1", "Host: a", *fields, "", "")).encode())
    response = conversation.next_response(SHELF)
    assert response is not None
    return Answer(response.head + end_of_head(0) + bytes(response.body))


# The image


def test_the_layer_holds_the_module_as_plugin_wasm() -> None:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(IMAGE.layer.data))) as archive:
        (member,) = archive.getmembers()
        file = archive.extractfile(member)
        assert file is not None
        assert (member.name, member.mtime, member.uid, member.mode) == ("plugin.wasm", 0, 0, 0o644)
        assert file.read() == NEW.data


def test_manifest_and_config_name_what_they_are_of() -> None:
    manifest, config = json.loads(IMAGE.manifest.data), json.loads(IMAGE.config.data)

    for descriptor, part in ((manifest["config"], IMAGE.config), (manifest["layers"][0], IMAGE.layer)):
        assert descriptor["digest"] == f"sha256:{hashlib.sha256(part.data).hexdigest()}"
        assert descriptor["size"] == len(part.data)
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["layers"][0]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    archive = gzip.decompress(IMAGE.layer.data)
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(archive).hexdigest()}"]


def test_its_digest_is_the_same_on_every_machine() -> None:
    assert IMAGE.manifest.sha256 == "ef8b5cb55b94a432ac7079f18e18ff591c93db7fb97db38a496e825d80073674"


# The registry


@pytest.mark.parametrize("target", ["/v2", "/v2/"])
def test_it_says_that_it_is_a_registry(target: str) -> None:
    answer = ask(target)

    assert (answer.status, answer.json) == (200, {})
    assert answer.fields["Docker-Distribution-Api-Version"] == "registry/2.0"


@pytest.mark.parametrize(
    ("reference", "module", "cache"),
    [
        ("latest", NEW, "no-cache"),
        ("0.2.0", NEW, "no-cache"),
        ("v0.1.0", OLD, "no-cache"),
        (f"sha256:{oci.image(OLD).manifest.sha256}", OLD, "public, max-age=31536000, immutable"),
    ],
)
def test_a_manifest_is_had_by_tag_and_by_digest(reference: str, module: Module, cache: str) -> None:
    wanted = oci.image(module).manifest

    answer = ask(f"{REPOSITORY}/manifests/{reference}")

    assert (answer.status, answer.body) == (200, wanted.data)
    assert answer.fields["Content-Type"] == "application/vnd.oci.image.manifest.v1+json"
    assert answer.fields["Docker-Content-Digest"] == f"sha256:{wanted.sha256}"
    assert answer.fields["Cache-Control"] == cache
    head = ask(f"{REPOSITORY}/manifests/{reference}", "HEAD")
    assert (head.status, head.body, head.fields["Content-Length"]) == (200, b"", str(len(wanted.data)))


def test_blobs_are_had_by_digest_and_in_parts() -> None:
    for part in (IMAGE.config, IMAGE.layer):
        target = f"{REPOSITORY}/blobs/sha256:{part.sha256}"
        answer = ask(target)
        assert (answer.status, answer.body) == (200, part.data)
        assert answer.fields["Content-Type"] == "application/octet-stream"
        assert ask(target, "GET", "Range: bytes=1-3").body == part.data[1:4]
        assert ask(target, "GET", f'If-None-Match: "{part.sha256}"').status == 304


def test_tags_are_listed() -> None:
    assert ask(f"{REPOSITORY}/tags/list?n=1000").json == {
        "name": "kuadrant-wasm-shim",
        "tags": ["0.2.0", "latest", "v0.1.0"],
    }


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (f"{REPOSITORY}/manifests/v9", "MANIFEST_UNKNOWN"),
        (f"{REPOSITORY}/manifests/sha256:{'0' * 64}", "MANIFEST_UNKNOWN"),
        (f"{REPOSITORY}/blobs/sha256:{'0' * 64}", "BLOB_UNKNOWN"),
        (f"{REPOSITORY}/blobs/sha256:{IMAGE.manifest.sha256}", "BLOB_UNKNOWN"),
    ],
)
def test_what_is_not_held_is_told_in_the_registrys_words(target: str, code: str) -> None:
    answer = ask(target)

    assert (answer.status, answer.json["errors"][0]["code"]) == (404, code)


@pytest.mark.parametrize(
    "target",
    [
        "/v2/other/manifests/latest",
        f"{REPOSITORY}/manifests/../latest",
        f"{REPOSITORY}/manifests/%6catest",
        f"{REPOSITORY}/blobs/sha256:{'A' * 64}",
        f"{REPOSITORY}/blobs/uploads/",
        f"{REPOSITORY}/referrers/sha256:{IMAGE.manifest.sha256}",
        "/v2/_catalog",
        "/v3/",
    ],
)
def test_other_addresses_are_not_there(target: str) -> None:
    assert ask(target).status == 404


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_nothing_can_be_written(method: str) -> None:
    answer = ask(f"{REPOSITORY}/manifests/latest", method)

    assert (answer.status, answer.json["errors"][0]["code"]) == (405, "UNSUPPORTED")
    assert answer.fields["Allow"] == "GET, HEAD"


def test_what_is_no_address_of_a_registry_is_left_to_others() -> None:
    request = Request("GET", "/kuadrant-wasm-shim", "1.1", {"host": "a"}, keep_alive=True)
    assert Registry([NEW]).answer(request, request.target) is None
