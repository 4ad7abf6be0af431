"""What the SDK shows to its users: all of it is documented, typed, and used as users would."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).parent / "users_program.py"
PACKAGES = (
    "aio",
    "bridges.dask",
    "bridges.spark",
    "classic",
    "framework",
    "pool",
    "testing",
)


def public() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for name in importlib.import_module(f"mesozoic.{package}").__all__:
            yield package, name


@pytest.mark.parametrize(("package", "name"), list(public()))
def test_help_says_something_of_each_name_and_each_of_its_methods(package: str, name: str) -> None:
    shown = getattr(importlib.import_module(f"mesozoic.{package}"), name)
    assert inspect.getdoc(shown), name
    if isinstance(shown, ModuleType):
        return
    # What is not inherited from Python's own classes.
    members = {
        member: value
        for kind in reversed(getattr(shown, "__mro__", ()))
        if kind.__module__.startswith("mesozoic")
        for member, value in vars(kind).items()
    }
    silent = [
        member
        for member, value in members.items()
        if not member.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property))
        and not inspect.getdoc(getattr(shown, member))
    ]
    assert not silent


def test_users_program_uses_every_public_name() -> None:
    """The linters check it with ``mypy --strict``, as they do all tests."""
    tree = ast.parse(PROGRAM.read_text(encoding="utf-8"))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert {name for _, name in public()} <= used


@pytest.mark.parametrize("package", ["mesozoic", "mesos_compat", "zkserver"])
def test_packages_say_that_they_are_typed(package: str) -> None:
    root = Path(importlib.import_module(package).__file__ or "").parent
    assert (root / "py.typed").exists()
