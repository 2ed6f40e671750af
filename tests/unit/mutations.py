"""Documents with a few things wrong, made from sound ones."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from kuadrant.api import document_nodes, yaml_documents

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

ODD: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        2**64,
        2**63,
        1.5,
        1e400,
        "",
        "a",
        "/",
        "//",
        "(",
        "*.",
        "999ms",
        "0s",
        "A\n",
        "\u0000",
        "\ud83d",
    ),
    *(
        [],
        {},
        [None],
        [[]],
        {"a": {}},
        {"": 1},
        ["a"] * 20,
        {str(n): {} for n in range(20)},
        "x" * 5000,
        "ä€😀",
    ),
]
TOKENS = [
    *(
        "\n",
        "  ",
        "- ",
        ": ",
        "#",
        "&a ",
        "*a",
        "<<: *a",
        "{",
        "}",
        "[",
        "]",
        ",",
        "'",
        '"',
        "|",
        ">",
        "---\n",
        "...\n",
        "%",
    ),
    *(
        "!!int ",
        "!x ",
        "? ",
        "\t",
        "\r",
        "\x00",
        "\ufeff",
        "\u2028",
        "\ud800",
        "yes",
        "~",
        "0x",
        "1e9",
        "*.",
        "null",
    ),
]


class Mutations:
    """What can become of the documents of some texts, with ``odd`` values beside those that all have."""

    def __init__(self, texts: Sequence[str], odd: Iterable[Any] = ()) -> None:
        self._texts = texts
        self._odd = [*ODD, *odd]
        self.documents: list[Any] = [
            document_nodes.plain(node) for text in texts for node, _ in yaml_documents.documents(text) if node
        ]
        self.keys = sorted({key for text in texts for key in text.replace(":", " ").split() if key.isalnum()})

    def any(self, dice: random.Random) -> str:
        """Return a text or a document that was changed."""
        return dice.choice([self.text, self.document])(dice)

    def text(self, dice: random.Random) -> str:
        """Return a text with a few cuts, repeats and insertions."""
        text = dice.choice(self._texts)
        for _ in range(dice.randint(1, 4)):
            start = dice.randrange(len(text) + 1)
            end = min(len(text), start + dice.choice([0, 0, 1, 2, 5, 20, 100]))
            new = dice.choice(
                [
                    "",
                    dice.choice(TOKENS),
                    dice.choice(self.keys),
                    text[start:end] * 2,
                    chr(dice.randrange(0x3000)),
                ]
            )
            text = text[:start] + new + text[end:]
        return text

    def document(self, dice: random.Random) -> str:
        """Return a document, as JSON, with some values replaced, removed, renamed or repeated."""
        document = copy.deepcopy(dice.choice(self.documents))
        for _ in range(dice.randint(1, 4)):
            places = _places(document)
            if not places:
                break
            parent, step = dice.choice(places)
            match dice.randrange(4):
                case 0:
                    parent[step] = copy.deepcopy(dice.choice(self._odd))
                case 1:
                    del parent[step]
                case 2 if isinstance(parent, dict):
                    parent[dice.choice(self.keys)] = parent.pop(step)
                case _ if isinstance(parent, list):
                    parent.append(copy.deepcopy(parent[step]))
        return json.dumps(document, ensure_ascii=False)


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Return every value of a document, by what holds it and the key or index there."""
    places: list[tuple[Any, Any]] = []
    pending = [document]
    while pending:
        one = pending.pop()
        steps = one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ()
        for step, below in steps:
            places.append((one, step))
            pending.append(below)
    return places
