"""`kuadrant explain-key`: makes the key by which a gateway knows who may ask it."""

from __future__ import annotations

from pathlib import Path

from kuadrant.cli.output import complain


def explain_key(file: Path, /) -> int:
    """Make a key for kuadrant explain --live, and tell what gateways have to know of it.

    FILE is the private half, which nobody else can read. What is printed is the public half, for
    --explain-key (EXPLAIN_KEY) of kuadrant operator and kuadrant run. Of a FILE that is there already it is
    printed again.

    Exit code: 0, or 2 when FILE cannot be made, or is no key.

    Args:
        file: The file of the private key, such as key.pem.
    """
    from kuadrant.explain_key import make_key, public_text, read_key  # noqa: PLC0415

    try:
        try:
            key = make_key(file)
        except FileExistsError:
            key = read_key(file.read_bytes())
    except (OSError, ValueError) as error:
        complain(f"{file} {getattr(error, 'strerror', None) or error}", "text")
        return 2
    print(public_text(key))
    return 0
