"""Spoiled copies of valid documents: bits, bytes, numbers, names and nesting, as a seed decides."""

import random
import re
from collections.abc import Callable, Iterator, Sequence

LONGEST_INPUT_BYTES = 1 << 16

_NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?")
_TEXT = re.compile(rb'"[^"\\]*"')
_MEMBER = re.compile(rb'"[^"\\]*"\s*:\s*(?:"[^"\\]*"|-?[0-9.]+|true|false|null)')
_VALUE = re.compile(rb'(?<=[:,\[])\s*(?:"[^"\\]*"|-?[0-9.]+|true|false|null)')
_NUMBERS = (
    b"NaN", b"-Infinity", b"1e999", b"-1e999", b"1e-400", b"9" * 400, b"-0", b"0", b"-1", b"1e400000000", b"0.1e+",
    b"18446744073709551616", b"253402300800000", b"1" * 5000,
)  # fmt: skip
_TEXTS = (
    b'""', b'"\xff\xfe"', b'"\\ud800"', b'"\\u0000"', '"币\u202e"'.encode(), b'"NaN"', b'"1e999"', b'"0001-01-01"',
    b'"9999-12-31T23:59:59-23:59"', b'"2026-01-01T00:00:00+00:00:00.1"',
    b'"' + b"x" * 3000 + b'"', b"null", b'"\xd9\xa1"',
    b'"Infinity"', b'"1/0"', b'"sNaN"', '"²"'.encode(), '"٣"'.encode(),
)  # fmt: skip
_VALUES = (b"null", b"true", b"[]", b"{}", b"[[]]", b'[{"a":1}]', b'""', b"-1", b"1.5", b"[null]")


def mutations(documents: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Spoiled documents without end: the same seed, the same documents, the same sequence.

    Args:
        documents: Valid ones; each comes once as it is before the first spoiled one.
        seed: Of the chance.
    """
    chance = random.Random(seed)
    yield from documents
    while True:
        spoiled = chance.choice(documents)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
            spoiled = chance.choice(_WAYS)(spoiled, chance)
        yield spoiled[:LONGEST_INPUT_BYTES]


def _flip(document: bytes, chance: random.Random) -> bytes:
    if not document:
        return document
    at = chance.randrange(len(document))
    return document[:at] + bytes([document[at] ^ 1 << chance.randrange(8)]) + document[at + 1 :]


def _cut(document: bytes, chance: random.Random) -> bytes:
    return document[: chance.randrange(len(document) + 1)]


def _leave_out(document: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(document) + 1)
    return document[:start] + document[start + chance.randint(1, 20) :]


def _insert(document: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(document) + 1)
    return document[:at] + chance.randbytes(chance.randint(1, 8)) + document[at:]


def _nest(document: bytes, chance: random.Random) -> bytes:
    depth = chance.choice((3, 60, 2_000, 20_000))
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return _replace(_VALUE, document, opening * depth + b"1" + closing * chance.choice((depth, 0)), chance)


def _repeat_member(document: bytes, chance: random.Random) -> bytes:
    found = list(_MEMBER.finditer(document))
    if not found:
        return document
    member = chance.choice(found)
    return document[: member.end()] + b"," + chance.choice(found)[0] + b"," + member[0] + document[member.end() :]


def _number(document: bytes, chance: random.Random) -> bytes:
    return _replace(_NUMBER, document, chance.choice(_NUMBERS), chance)


def _text(document: bytes, chance: random.Random) -> bytes:
    return _replace(_TEXT, document, chance.choice(_TEXTS), chance)


def _value(document: bytes, chance: random.Random) -> bytes:
    return _replace(_VALUE, document, chance.choice(_VALUES), chance)


def _replace(pattern: re.Pattern[bytes], document: bytes, other: bytes, chance: random.Random) -> bytes:
    found = list(pattern.finditer(document))
    if not found:
        return document
    place = chance.choice(found)
    return document[: place.start()] + other + document[place.end() :]


_WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip, _cut, _leave_out, _insert, _nest, _repeat_member, _number, _text, _value, _text, _value, _number,
)  # fmt: skip


def smaller(document: bytes) -> Iterator[bytes]:
    """Copies with one part left out, the largest parts first."""
    size = len(document) // 2
    while size:
        for start in range(0, len(document), size):
            yield document[:start] + document[start + size :]
        size //= 2
