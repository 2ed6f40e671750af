"""An image is an OCI image layout: every digest and size names what is there."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from lab import oci


def layer(folder: Path, name: str, content: str) -> Path:
    (folder / name).write_text(content)
    oci.write_layer({f"/opt/{name}": folder / name}, folder / f"{name}.tar")
    return folder / f"{name}.tar"


def read(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        assert len({member.name for member in members}) == len(members)
        files = {member.name: tar.extractfile(member) for member in members}
        return {name: file.read() for name, file in files.items() if file}


def blob(files: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    data = files["blobs/" + descriptor["digest"].replace(":", "/")]
    assert len(data) == descriptor["size"]
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == descriptor["digest"]
    return data


def test_images_that_share_a_layer_hold_it_once_and_name_it_by_its_digest(tmp_path: Path) -> None:
    base, upper = layer(tmp_path, "base", "b"), layer(tmp_path, "upper", "u")
    images = [
        oci.Image("localhost/one:lab", [base], ["/opt/base"]),
        oci.Image("localhost/two:lab", [base, upper], ["/opt/upper", "-x"], {"A": "b"}, user="65532:65532"),
    ]
    oci.write_archive(images, tmp_path / "images.tar")

    files = read(tmp_path / "images.tar")
    index = json.loads(files["index.json"])
    names = [manifest["annotations"]["io.containerd.image.name"] for manifest in index["manifests"]]
    assert names == ["localhost/one:lab", "localhost/two:lab"]
    manifests = [json.loads(blob(files, manifest)) for manifest in index["manifests"]]
    assert manifests[0]["layers"][0] == manifests[1]["layers"][0]
    assert blob(files, manifests[1]["layers"][1]) == upper.read_bytes()
    configuration = json.loads(blob(files, manifests[1]["config"]))
    assert configuration["config"] == {
        "Entrypoint": ["/opt/upper", "-x"],
        "Env": ["A=b"],
        "User": "65532:65532",
    }
    assert configuration["rootfs"]["diff_ids"] == [
        described["digest"] for described in manifests[1]["layers"]
    ]
    assert len([name for name in files if name.startswith("blobs/")]) == 6


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made.append(layer(tmp_path / name, "file", "same"))
    assert made[0].read_bytes() == made[1].read_bytes()
