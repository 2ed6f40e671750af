"""The functions of CEL's strings extension over texts in UTF-8, as ``cel/text.zig`` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuadrant.reference_model.steps.budget import Growth
from kuadrant.reference_model.steps.values import VALUE, Failure

if TYPE_CHECKING:
    from kuadrant.reference_model.steps.budget import Work

_SPACES = frozenset(
    "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def _offset(text: bytes, position: int) -> int | None:
    """The byte at which a character begins; the end for the one after the last."""
    if position < 0 or position > len(text):
        return None
    if text.isascii():
        return position
    decoded = text.decode()
    return len(decoded[:position].encode()) if position <= len(decoded) else None


def _characters(text: bytes) -> int:
    return len(text.decode(errors="replace"))


def char_at(work: Work, text: bytes, position: int) -> Any:
    """The character at a place."""
    work.through(len(text))
    start = _offset(text, position)
    return Failure.OTHER if start is None else text[start:].decode()[:1].encode()


def substring(work: Work, text: bytes, first: int, last: int | None) -> Any:
    """Return what is between two places."""
    work.through(2 * len(text))
    start = _offset(text, first)
    end = len(text) if last is None else _offset(text, last)
    return Failure.OTHER if start is None or end is None or end < start else text[start:end]


def index_of(work: Work, text: bytes, wanted: bytes, begin: int) -> Any:
    """The place of a text, or -1."""
    work.through(2 * len(text))
    start = _offset(text, begin)
    if start is None:
        return Failure.OTHER
    index = find(work, text, wanted, start)
    return -1 if index is None else _characters(text[:index])


def last_index_of(work: Work, text: bytes, wanted: bytes, begin: int | None) -> Any:
    """The last place of a text, or -1."""
    work.through(2 * len(text))
    start = len(text) if begin is None else _offset(text, begin)
    if start is None:
        return Failure.OTHER
    if len(wanted) > len(text):
        return -1
    index = min(start, len(text) - len(wanted))
    while not _is_at(work, text, wanted, index):
        if index == 0:
            return -1
        if index % 2 == 0:
            work.take(1)
        index -= 1
    return _characters(text[:index])


def find(work: Work, text: bytes, wanted: bytes, start: int) -> int | None:
    """The place of ``wanted`` at or after ``start``, in bytes."""
    if start + len(wanted) > len(text):
        return None
    if not wanted:
        return start
    end = len(text) - len(wanted) + 1
    index = start
    while (found := text.find(wanted[:1], index, end)) >= 0:
        work.take(1 + (found - index) // 8)
        if _is_at(work, text, wanted, found):
            return found
        index = found + 1
    work.through(end - index)
    return None


def _is_at(work: Work, text: bytes, wanted: bytes, index: int) -> bool:
    if text.startswith(wanted, index):
        work.through(len(wanted))
        return True
    work.through(next(at for at, one in enumerate(wanted) if text[index + at] != one))
    return False


def cased(work: Work, text: bytes, *, upper: bool) -> bytes:
    """With letters of ASCII in lower or upper case."""
    work.through(2 * len(text))
    other = text.upper() if upper else text.lower()
    if other != text:
        work.allocate(1, len(text))
    return other


def trim(work: Work, text: bytes) -> bytes:
    """Without white space around it."""
    characters = text.decode()
    start, end = 0, len(characters)
    while start < end:
        work.take(2)
        if characters[start] not in _SPACES:
            break
        start += 1
    while end > start:
        work.take(2)
        if characters[end - 1] not in _SPACES:
            break
        end -= 1
    return characters[start:end].encode()


def reverse(work: Work, text: bytes) -> bytes:
    """The characters from the last to the first."""
    work.take(len(text))
    work.allocate(1, len(text))
    return text.decode()[::-1].encode()


def quote(work: Work, text: bytes) -> bytes:
    """With quotation marks around it."""
    work.take(len(text))
    growth = Growth(work, 1)
    result = bytearray(b'"')
    growth.append()
    for byte in text:
        if 7 <= byte <= 13:
            growth.append_all(2)
            result += b"\\" + b"abtnvfr"[byte - 7 : byte - 6]
        elif byte in b'"\\':
            growth.append_all(2)
            result += bytes((92, byte))
        else:
            growth.append()
            result.append(byte)
    growth.append()
    return bytes(result) + b'"'


def join(work: Work, items: list[Any], separator: bytes) -> Any:
    """Texts in one."""
    work.take(3 * len(items))
    if any(type(item) is not bytes for item in items):
        return Failure.OTHER
    result = separator.join(items)
    work.allocate(1, len(result))
    return result


def split(work: Work, text: bytes, separator: bytes, most: int) -> list[bytes]:
    """At most so many pieces; all of them if that is negative."""
    if most == 0:
        return []
    pieces: list[bytes] = []
    growth = Growth(work, VALUE)
    at = 0
    while most < 0 or len(pieces) + 1 < most:
        index = find(work, text, separator, at) if separator else at + _length_at(text, at)
        if index is None or (not separator and index >= len(text)):
            break
        work.take(3)
        growth.append()
        pieces.append(text[at:index])
        at = index + len(separator)
    growth.append()
    return [*pieces, text[at:]]


def _length_at(text: bytes, at: int) -> int:
    first = text[at] if at < len(text) else 0
    return 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


def replace(work: Work, text: bytes, wanted: bytes, by: bytes, most: int) -> bytes:
    """With the first places replaced; all of them if ``most`` is negative."""
    growth = Growth(work, 1)
    result = bytearray()
    left = most if most >= 0 else len(text) + 1
    at = 0
    while left > 0:
        if wanted:
            index = find(work, text, wanted, at)
            if index is None:
                break
            growth.append_all(index - at)
            growth.append_all(len(by))
            result += text[at:index] + by
            at = index + len(wanted)
        else:
            growth.append_all(len(by))
            result += by
            if at == len(text):
                break
            length = _length_at(text, at)
            growth.append_all(length)
            result += text[at : at + length]
            at += length
        left -= 1
    if wanted and at == 0:
        return text
    growth.append_all(len(text) - at)
    return bytes(result) + text[at:]
