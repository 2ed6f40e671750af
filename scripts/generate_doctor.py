"""Write docs/doctor.md from the table of symptoms, or with --check compare it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from kuadrant.doctor import SYMPTOMS
from scripts.generate_findings import PAGE_NAME, wrapped
from scripts.generated_page import write_or_check

if TYPE_CHECKING:
    from kuadrant.doctor import Symptom

PAGE: Final = Path(__file__).parents[1] / "docs" / "doctor.md"
_HEAD: Final = """\
# Doctor

<!-- Made from src/kuadrant/doctor by `make generate`. -->

    kuadrant doctor

looks at a cluster before an installation, or after it, and says what is wrong, with a code and what helps. It
writes nothing. It takes the right to list definitions (CRDs), our kinds, those of Gateway API and of
providers, network policies, cluster roles and their bindings, and EndpointSlices everywhere; pods, Services
and Deployments in the namespace of the installation; and to get its Secret `kuadrant-push-server`, whose
certificate it looks at. What it may not read it names, and looks at the rest.

Exit code: 0 where nothing is in the way (there may be warnings and notes), 1 where something is, 2 where the
cluster cannot be asked. `-o json` has `installed` and `findings`, each with `code`, `severity`, `message`,
`do`, `about` and `page`.

Names are only tried in a pod: `helm test` runs it in one.

An **error** keeps something from working; a **warning** works, but hardly as it was meant; a **note** is
worth knowing.
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *map(_symptom, SYMPTOMS.values())])


def _symptom(one: Symptom) -> str:
    means = wrapped(f"{one.severity.capitalize()}. {one.means}")
    return PAGE_NAME.sub(r"[\1](\1)", f"## {one.code}\n\n{means}\n\n{wrapped(f'What to do: {one.do}')}\n")


if __name__ == "__main__":
    write_or_check(PAGE, page(), "src/kuadrant/doctor")
