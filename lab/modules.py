"""The modules of this checkout that are not in the package.

Fetched by `make wasm-shim`, to be carried by the operator's image.
"""

from pathlib import Path

from kuadrant.wasm import catalogue, lock
from lab.programs import BuildError

_PACKAGED = Path("src/kuadrant/wasm/modules/kuadrant-wasm-shim.wasm")


def fetched(checkout: Path) -> dict[str, Path]:
    """The files by name: what was fetched, and which of it is current.

    Where nothing is chosen, our own module is, and from now on `kuadrant-wasm-shim` leads to it.

    Raises:
        BuildError: a file is not what modules.lock says.
    """
    chosen = checkout / catalogue.CHOSEN
    if not chosen.exists():
        chosen.unlink(missing_ok=True)
        chosen.symlink_to(_PACKAGED)
    try:
        catalogue.carried(checkout)
    except catalogue.CatalogueError as error:
        raise BuildError(str(error)) from None
    names = [entry.file for entry in catalogue.entries(checkout)]
    if not names:
        return {}
    return {
        name: checkout / name for name in (lock.NAME, *names, *([] if chosen.is_symlink() else [chosen.name]))
    }
