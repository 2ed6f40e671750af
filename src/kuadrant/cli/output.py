"""What every command prints: text for people, or JSON for programs."""

import json
from typing import Annotated, Literal

from cyclopts import Parameter

Output = Annotated[Literal["text", "json"], Parameter(name=["--output", "-o"])]


def write(values: object, text: str, output: Literal["text", "json"]) -> None:
    """Print ``values`` as JSON, or the ``text`` that says them to people."""
    print(json.dumps(values, indent=2, ensure_ascii=False) if output == "json" else text)
