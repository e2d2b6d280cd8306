"""The options by which every dialog also runs without questions."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from config.schemas.reading import read_bytes
from core.model.failures import InvalidInput

T = TypeVar("T")

SETTINGS = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change one field without asking; may be repeated."),
]
FROM_FILE = Annotated[
    Path | None,
    typer.Option(
        "--from", metavar="FILE", help="Take the whole content from a file of the same shape, without asking."
    ),
]
NON_INTERACTIVE = Annotated[
    bool, typer.Option("--non-interactive", help="Ask nothing; alone, check the file and show what it says.")
]


def split_setting(setting: str) -> tuple[str, str]:
    """Field and value of `FIELD=VALUE`, both stripped.

    Raises:
        InvalidInput: If there is no field or no equals sign.
    """
    field, equals, value = setting.partition("=")
    if not equals or not field.strip():
        raise InvalidInput(f"--set {setting}: write FIELD=VALUE")
    return field.strip(), value.strip()


def read_document(path: Path, parse: Callable[[bytes, Path], T]) -> T:
    """The content of the file given with --from.

    Raises:
        core.model.failures.InvalidConfig: If it is missing or breaks its rules.
    """
    return parse(read_bytes(path, "Name an existing file."), path)
