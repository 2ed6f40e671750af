"""What is said of a request that cannot be asked for."""


class RequestError(ValueError):
    """A request that cannot be asked for; the text says what is wrong with it and what to do."""


def quoted(text: str) -> str:
    """``text`` in quotes for a person: not too long, and without anything that a terminal acts upon."""
    shown = text if len(text) <= 80 else f"{text[:80]}..."
    return '"' + "".join(one if one.isprintable() else repr(one)[1:-1] for one in shown) + '"'
