"""The site of the documents: made without a warning, and with nothing that a reader's machine would fetch."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    made = subprocess.run(
        [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "-c", "docs", ".", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")
    return folder


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) > 40
    for page in pages:
        text = page.read_text()
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]* src=\"([^\"]+)\"", text)
        loaded += re.findall(r"<link[^>]* rel=\"(?:stylesheet|preload|icon)\"[^>]* href=\"([^\"]+)\"", text)
        assert loaded
        assert [one for one in loaded if ":" in one or one.startswith("//")] == [], page.name


def test_every_link_within_leads_to_a_page(site: Path) -> None:
    dead = [
        (page.name, target)
        for page in site.rglob("*.html")
        for target in re.findall(r"<a[^>]* href=\"([^\"#][^\"]*)\"", page.read_text())
        if ":" not in target and not (page.parent / unquote(urldefrag(target).url)).exists()
    ]
    assert dead == []
