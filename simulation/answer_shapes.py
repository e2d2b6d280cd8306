"""The shape of an exchange's answer: which fields it has, of which JSON type, and which are always there.

A shape is derived from answers that others recorded or documented, and carries none of their values: a path such as
`data.items[].price`, its types, whether it was in every answer, and a made-up sample. Numbers and numbers written as
text are told apart, since clients read them differently; whole numbers and fractions are not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

SAMPLES: dict[str, object] = {"number": 1.5, "numeric text": "1.5", "text": "text", "boolean": True, "null": None}


@dataclass(slots=True)
class Field:
    """One field of an answer.

    Attributes:
        types: JSON types seen; empty where the source shows only that the field exists.
        is_required: It was in every object that could have it.
    """

    types: set[str] = field(default_factory=set)
    is_required: bool = True


Shape = dict[str, Field]


def derive(answers: Iterable[tuple[object, bool]]) -> Shape:
    """The shape that several answers of one endpoint share.

    Args:
        answers: Each with whether its types can be trusted; of the others only the field names count.
    """
    shape: Shape = {}
    objects: dict[str, int] = {}
    seen: dict[str, int] = {}
    for answer, has_types in answers:
        for path in _objects(answer, ""):
            objects[path] = objects.get(path, 0) + 1
        for path, value in _leaves(answer, ""):
            found = shape.setdefault(path, Field())
            found.types |= {type_of(value)} if has_types else set()
            seen[path] = seen.get(path, 0) + (0 if path.endswith("[]") else 1)
    for path, found in shape.items():
        found.is_required = path.endswith("[]") or seen[path] == objects.get(_parent(path), 0)
    return shape


def differences(shape: Shape, answer: object) -> list[str]:
    """What the answer lacks or writes in another type, in words; fields that the shape does not know are allowed."""
    found = {path: set[str]() for path in shape}
    for path, value in _leaves(answer, ""):
        found.setdefault(path, set()).add(type_of(value))
    holders = set(_objects(answer, ""))
    problems = [
        f"{path} is missing"
        for path, wanted in shape.items()
        if wanted.is_required and not found[path] and _parent(path) in holders
    ]
    for path, wanted in shape.items():
        strange = found[path] - wanted.types - _as_good_as(path, wanted.types)
        if strange and wanted.types - {"null"}:
            problems.append(f"{path} is {', '.join(sorted(strange))}, not {', '.join(sorted(wanted.types))}")
    return problems


def type_of(value: object) -> str:
    """The JSON type of a value that is neither object nor array."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "numeric text" if _is_number(value) else "text"
    return "number"


def shape_rows(shape: Shape) -> list[dict[str, object]]:
    """The shape as rows for a file."""
    return [
        {
            "field": path,
            "types": sorted(wanted.types),
            "required": wanted.is_required,
            "sample": SAMPLES[min(wanted.types - {"null"}, default="null")],
        }
        for path, wanted in sorted(shape.items())
    ]


def read_rows(rows: Sequence[dict[str, object]]) -> Shape:
    """The shape that `shape_rows` wrote."""
    shape: Shape = {}
    for row in rows:
        types = row["types"]
        shape[str(row["field"])] = Field(
            set(map(str, types)) if isinstance(types, list) else set(), bool(row["required"])
        )
    return shape


def empty_members(answer: object) -> dict[str, set[str]]:
    """By member name, how an answer writes that there is nothing: as empty text, as null, or both."""
    found: dict[str, set[str]] = {}
    for path, value in _leaves(answer, ""):
        if value is None or value == "":
            found.setdefault(path.rpartition(".")[2], set()).add(type_of(value))
    return found


def _as_good_as(path: str, types: set[str]) -> set[str]:
    """Types that a client cannot tell from the recorded ones: ids are text whether they look like numbers or not."""
    is_id = path.endswith(("Id", "ID"))
    if "text" in types:
        return {"numeric text"}
    return {"text"} if is_id and "numeric text" in types else set()


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _leaves(member, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for member in value:
            yield from _leaves(member, f"{path}[]")
    else:
        yield path, value


def _objects(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield path
        for name, member in value.items():
            yield from _objects(member, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for member in value:
            yield from _objects(member, f"{path}[]")


def _parent(path: str) -> str:
    return path.rpartition(".")[0]


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
