"""What is installed: every direct dependency declared and bounded from below, and ccxt as it was locked."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK: dict[str, Any] = tomllib.loads((ROOT / "uv.lock").read_text())
DIRECT = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
EXTRAS = [Requirement(text) for texts in PROJECT["project"]["optional-dependencies"].values() for text in texts]
PART_OF = {"pydantic_core": "pydantic"}
"""Modules of another package that is documented as a part of one we declare."""
GROUPS = [Requirement(text) for texts in PROJECT["dependency-groups"].values() for text in texts]


def locked() -> dict[str, list[dict[str, Any]]]:
    """The entries of the lock by their packages' names."""
    found: dict[str, list[dict[str, Any]]] = {}
    for package in LOCK["package"]:
        found.setdefault(canonicalize_name(package["name"]), []).append(package)
    return found


def imported() -> Iterator[tuple[str, str]]:
    """Every top-level module that the product imports, and where."""
    rooms = [path.parent for path in ROOT.glob("*/__init__.py")]
    for path in [*(path for room in rooms for path in room.rglob("*.py")), ROOT / "execute_trades.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((alias.name.partition(".")[0], str(path.relative_to(ROOT))) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0], str(path.relative_to(ROOT))


@pytest.mark.parametrize("requirement", [*DIRECT, *EXTRAS, *GROUPS], ids=str)
def test_every_direct_dependency_has_a_lower_bound_that_the_lock_keeps(requirement: Requirement) -> None:
    assert any(bound.operator in {">=", "=="} for bound in requirement.specifier)
    versions = [package["version"] for package in locked()[canonicalize_name(requirement.name)]]
    assert versions
    assert all(requirement.specifier.contains(one) for one in versions)


def test_every_package_comes_from_a_registry() -> None:
    elsewhere = [
        package["name"] for package in LOCK["package"] if not {"registry", "editable"} & set(package.get("source", {}))
    ]
    assert elsewhere == []


def test_what_is_imported_is_declared() -> None:
    own = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"execute_trades"}
    declared = {canonicalize_name(requirement.name) for requirement in [*DIRECT, *EXTRAS]}
    distributions = packages_distributions()
    undeclared = {
        (module, place)
        for module, place in imported()
        if module not in own
        and module not in sys.stdlib_module_names
        and not declared
        & {canonicalize_name(name) for name in distributions.get(PART_OF.get(module, module), [module])}
    }
    assert undeclared == set()


def test_ccxt_is_the_locked_one_and_so_is_all_that_it_pins() -> None:
    """Whatever else is installed can push ccxt back without a word; its adapters are tried on this one alone."""
    assert version("ccxt") == locked()["ccxt"][0]["version"]
    pins = [Requirement(text) for text in requires("ccxt") or []]
    needed = [pin for pin in pins if pin.marker is None or pin.marker.evaluate({"extra": ""})]
    assert len([pin for pin in needed if "==" in str(pin.specifier)]) > 10
    wrong = {pin.name: _installed(pin.name) for pin in needed if not pin.specifier.contains(_installed(pin.name))}
    assert wrong == {}


def test_python_3_11_is_the_oldest_that_is_taken() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert Version("3.11") <= Version(".".join(map(str, sys.version_info[:2])))


def test_it_is_given_away_under_the_mit_licence() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("MIT License\n")
    assert 'THE SOFTWARE IS PROVIDED "AS IS"' in text
    assert (PROJECT["project"]["license"], PROJECT["project"]["license-files"]) == ("MIT", ["LICENSE"])


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "0"
