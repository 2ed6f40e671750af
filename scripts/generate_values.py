"""Write docs/values.md: every value of the chart, or with --check compare it."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scripts import chart_values
from scripts.chart_tree import tree
from scripts.chart_values import Group
from scripts.generated_page import write_or_check

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = Path(__file__).parents[1] / "docs" / "values.md"
_WIDTH: Final = 110
_HEAD: Final = """\
# Values of the chart

<!-- Made from config/ and scripts/chart_tree.py by `make generate`. -->

    helm install kuadrant charts/kuadrant --namespace kuadrant-system --create-namespace --values values.yaml

Without any value it installs what `config/default` holds. Values are held to `values.schema.json` by
`helm install`, `upgrade`, `template` and `lint`: a name that is none of these, a value of another kind, a
setting that the command does not have, and a label that is ours are refused, with their place, before
anything is sent to the cluster. What Kubernetes defines (tolerations, terms of an affinity, peers of a
NetworkPolicy) is taken as it is, and judged by the API server.

Afterwards Helm prints what to do next, with the commands (`helm get notes` shows it again).

## An image of your registry

    image:
      registry: registry.example.com:5000/mirror
      digest: sha256:...
    imagePullSecrets: [{name: registry-key}]

`registry` stands before `repository`, and both pods run `registry/repository@digest`. Without a digest it is
`registry/repository:tag`. A tag that looks like a number is a text: `tag: "1.10"`, or `--set-string`. In
0.1.0 `image` was the whole reference as one text; that is taken as before.

## Upgrade

`helm upgrade --reuse-values` takes the defaults of the chart that was installed, too, which know no value
that is new. It is refused then (`missing properties 'resources', ...`), since the pods would go on without
bounds and side by side. Use `--reset-then-reuse-values` (Helm 3.14 and later), or give the values again. For
the same reason a value cannot be `null`; `resources: {limits: null}` takes a part away.

"""


def page() -> str:
    """The text of the page."""
    root = tree()
    chart = Group(description="", members=tuple(one for one in root.members if not isinstance(one, Group)))
    image, *groups = (one for one in root.members if isinstance(one, Group))
    sections = (
        ("The image", Group(description="", members=(image,)), image.description),
        ("The operator, and what both have", chart, ""),
        *((one.name, Group(description="", members=(one,)), one.description) for one in groups),
    )
    text = _HEAD + "\n".join("\n".join(_section(*section)) for section in sections)
    return re.sub(r"docs/([a-z-]+\.md)", r"[\1](\1)", text)


def _section(title: str, group: Group, description: str) -> Iterator[str]:
    yield f"## {title}\n"
    if description:
        yield f"{textwrap.fill(description, _WIDTH)}\n"
    yield "| value | default | what it is |"
    yield "|---|---|---|"
    for name, value in chart_values.values(group):
        text = value.description.replace("|", "\\|")
        yield f"| `{name}` | {_default(value.default)} | {_choices(value.schema)}{text} |"
    yield ""


def _default(value: Any) -> str:
    return "" if value in ("", {}, []) else f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _choices(schema: Any) -> str:
    if "enum" not in schema:
        return ""
    *others, last = (f"`{choice}`" for choice in schema["enum"])
    return f"{', '.join(others)} or {last}. "


if __name__ == "__main__":
    write_or_check(PAGE, page(), "the chart")
