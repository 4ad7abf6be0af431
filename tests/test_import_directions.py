"""Imports go one way: read from the source of every module, not from what happens to load."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "zkserver": ROOT / "zkserver",
    "mesos_compat": ROOT / "mesos_compat",
    "mesozoic": ROOT / "sdk" / "mesozoic",
}
VAGUE_NAMES = {"utils", "helpers", "common", "base"}
#: What a pure module may not touch: the clock, the world, chance and threads.
WORLD = {
    "time", "socket", "os", "threading", "asyncio", "random", "select", "logging", "signal",
    "subprocess",
}  # fmt: skip
PURE = (
    "zkserver.wire",
    "zkserver.tree",
    "zkserver.paxos",
    "zkserver.replica",
    "zkserver.admin.fourletter",
    "zkserver.admin.status_view",
    "mesos_compat.wire",
    "mesos_compat.resources",
    "mesos_compat.allocator",
    "mesos_compat.master",
    "mesos_compat.agent",
    "mesos_compat.due",
    "mesos_compat.stories",
    "mesos_compat.uuids",
    "mesozoic.core",
    "mesozoic.framework.planning",
    "mesozoic.pool.fleet",
    "mesozoic.pool.jobs",
)
SHELLS = ("zkserver.server", "zkserver.storage", "zkserver.testing", "zkserver.cli")
#: Package -> all it may import of this project, itself aside.
ONLY = {
    "zkserver.wire": ("zkserver.errors",),
    "zkserver.tree": ("zkserver.errors", "zkserver.limits", "zkserver.wire.opcodes"),
    "zkserver.paxos": ("zkserver.errors",),
    "zkserver.storage": ("zkserver.errors",),
    "zkserver.tls": ("zkserver.errors",),
    "zkserver.apache": (
        "zkserver.errors",
        "zkserver.paxos",
        "zkserver.replica",
        "zkserver.storage",
        "zkserver.tree",
        "zkserver.wire",
    ),
    "mesos_compat.wire": ("mesos_compat.errors",),
    "mesos_compat.resources": ("mesos_compat.errors", "mesos_compat.wire"),
    "mesos_compat.allocator": (
        "mesos_compat.errors",
        "mesos_compat.resources",
        "mesos_compat.wire",
    ),
    "mesozoic": ("mesos_compat.errors", "mesos_compat.resources", "mesos_compat.wire"),
}
#: A test that asks for a whole cluster gets ZooKeeper with it; no program of the package does.
EXCEPT = (
    ("mesos_compat.testing", "zkserver.testing"),
    ("mesozoic.testing", "mesos_compat.testing"),
)
NEVER = {
    "mesos_compat": ("mesozoic", "zkserver"),
    "zkserver": ("mesozoic", "mesos_compat"),
    "mesozoic": ("zkserver",),
}


def is_within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def imported(source: str, module: str, *, is_package: bool) -> Iterator[str]:
    """Everything that ``source`` imports, wherever in it, as absolute names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = node.module or ""
            if node.level:
                parts = module.split(".")
                kept = parts[: len(parts) - node.level + (1 if is_package else 0)]
                start = ".".join([*kept, start] if start else kept)
            # "from package import module" imports the module as well.
            yield from (f"{start}.{alias.name}" for alias in node.names)


def violations(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """What ``module`` imports against the rules."""
    found = []
    project = tuple(PACKAGES)
    for name in imported(source, module, is_package=is_package):
        if any(is_within(module, (one,)) and is_within(name, (other,)) for one, other in EXCEPT):
            continue
        top = name.partition(".")[0]
        reasons = [
            f"{package} may not import it"
            for package, refused in NEVER.items()
            if is_within(module, (package,)) and is_within(name, refused)
        ]
        reasons += [
            f"{package} may import only {', '.join(allowed)}"
            for package, allowed in ONLY.items()
            if is_within(module, (package,))
            and top in project
            and not is_within(name, (package, *allowed))
        ]
        if is_within(module, PURE) and (top in WORLD or is_within(name, SHELLS)):
            reasons.append("it is pure")
        found += [f"{module} imports {name}: {reason}" for reason in reasons]
    return found


def modules() -> Iterator[tuple[str, Path]]:
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join([package, *(p for p in parts if p != "__init__")]), path


def test_every_module_keeps_the_directions() -> None:
    found = [
        line
        for module, path in modules()
        for line in violations(
            module, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py"
        )
    ]
    assert not found, "\n".join(found)


def test_all_packages_were_read() -> None:
    names = {module for module, _ in modules()}
    assert {"zkserver.tree.tree", "zkserver.wire", "mesos_compat", "mesozoic"} <= names
    for package in PURE:
        assert any(is_within(name, (package,)) for name in names), package


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [module for module, _ in modules() if module.rpartition(".")[2] in VAGUE_NAMES]
    assert not vague


def test_every_package_explains_itself() -> None:
    silent = [
        module
        for module, path in modules()
        if path.name == "__init__.py"
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


@pytest.mark.parametrize(
    ("module", "source", "is_package"),
    [
        ("zkserver.tree.tree", "import time", False),
        ("zkserver.tree.tree", "from os import path", False),
        ("zkserver.tree.tree", "from zkserver.wire.records import Acl", False),
        ("zkserver.tree.tree", "from zkserver.wire import records", False),
        ("zkserver.tree", "from ..wire import jute", True),
        ("zkserver.tree.tree", "from ..wire.jute import Reader", False),
        ("zkserver.wire.jute", "def read():\n    import zkserver.limits", False),
        ("zkserver.paxos.leader", "from zkserver.tree.tree import ZnodeTree", False),
        ("zkserver.replica.core", "from zkserver.server.loop import Loop", False),
        ("zkserver.replica.core", "if True:\n    from zkserver import storage", False),
        ("zkserver.replica.core", "import os.path", False),
        ("zkserver.storage.wal", "from zkserver.tree.tree import ZnodeTree", False),
        ("zkserver.admin.fourletter", "import socket", False),
        ("zkserver.server.loop", "import mesos_compat.master", False),
        ("mesos_compat.master.core", "import mesozoic", False),
        ("mesos_compat.ha.detector", "from zkserver.wire import jute", False),
        ("mesozoic.core.offers", "from mesos_compat.master import core", False),
        ("mesozoic.core.offers", "import zkserver", False),
    ],
)
def test_planted_violation_is_found(module: str, source: str, is_package: bool) -> None:
    assert violations(module, source, is_package=is_package)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("zkserver.tree.tree", "from zkserver.wire.opcodes import Op"),
        ("zkserver.tree.tree", "from .node import stat_of\nimport struct"),
        ("zkserver.server.loop", "import os, time\nfrom zkserver.replica.core import ReplicaCore"),
        ("zkserver.storage.wal", "import threading\nfrom zkserver.storage.disk import Disk"),
        ("mesozoic.core.offers", "from mesos_compat.wire import messages"),
    ],
)
def test_allowed_import_is_no_violation(module: str, source: str) -> None:
    assert violations(module, source) == []
