"""An exchange's answer with places of it replaced by what it never sends."""

import json
import random
from collections.abc import Iterator
from typing import Any

GARBAGE: tuple[object, ...] = (
    None, "", "NaN", "-1", -1, 0, True, False, [], {}, [[]], [{}], "x" * 300, 1e300, "1e999", "Infinity", {"code": "0"},
    "2026-01-01", 10**30, "币", "\x00",
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - JSON
    """Every place in a JSON value, as its holder and its key; the outermost first and the first rows only."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value[:3])):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def garble(text: str, chance: random.Random, nodes: int) -> str:
    """So many places of a JSON text, the whole of it among them, replaced at random."""
    holder = {"body": json.loads(text)}
    for _ in range(nodes):
        place, key = chance.choice(list(places(holder)))
        place[key] = chance.choice(GARBAGE)
    return json.dumps(holder["body"])
