"""Stand-ins for the official shims.

The project's core behind fronts that read their configurations (``wasm-shim/build.py``).
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

_BUILD = Path(__file__).parents[1] / "wasm-shim" / "build.py"


@functools.cache
def stand_in(front: str) -> bytes:
    """The bytes of the module with that front.

    A build takes half a minute, and is kept until the sources change.
    """
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder) / "module.wasm"
        subprocess.run([sys.executable, str(_BUILD), "--front", front, "--output", str(module)], check=True)
        return module.read_bytes()
