"""Facts about the tree as a whole: what its files must not hold, and what its entry points do.

Limits that some file is above already have a list of those files. Such a list may only
become shorter: whoever is no longer above the limit has to be taken off it.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60

#: Modules that are longer than the limit.
LONG_MODULES: set[str] = set()
#: Functions that are longer than the limit: hot loops, whose parts may not be calls.
LONG_FUNCTIONS = {
    "zkserver/replica/executing.py:run_frames",
    "zkserver/replica/serving.py:enqueue",
    "zkserver/replica/serving.py:serve",
}

_GENERATED = {"build", "dist", "node_modules", "var", "__pycache__"}
# The patterns are put together here, so that this file does not hold what it looks for.
_MARKS = "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "W" + "IP"))
FORBIDDEN = {
    "an absolute path of somebody's machine": re.compile(
        r"(?<![\w./)}-])/(?:"
        + "|".join(("ho" + "me", "Use" + "rs", "ro" + "ot", "wo" + "rk", "t" + "mp"))
        + r")/[\w.-]+"
    ),
    "an unfinished mark": re.compile(rf"\b(?:{_MARKS})\b"),
    "a registry's host": re.compile(
        r"(?i)\b(?:registry\.[\w-]+\.[a-z]+|[\w.-]*(?:artifactory|nexus|codeartifact)[\w-]*\.[\w.-]+"
        r"|pypi\.org/simple|files\.pythonhosted\.org|proxy\.golang\.org)\b"
    ),
    "a secret": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bghp_\w{36}\b"),
}
#: (file, what it may hold after all).
ALLOWED: set[tuple[str, str]] = {
    # The defaults of Apache's agent.
    ("mesos_compat/flags/agent.py", "an absolute path of somebody's machine"),
    ("mesos_compat/containers/spec.py", "an absolute path of somebody's machine"),
    # They are among what Apache's agent says of itself.
    ("tests/mesos_compat/golden/agent/get-flags.res", "an absolute path of somebody's machine"),
    ("tests/mesos_compat/golden/agent/get-state.res", "an absolute path of somebody's machine"),
}


def _walk(directory: Path) -> Iterator[Path]:
    for path in directory.iterdir():
        hidden = path.name.startswith(".") and path.name not in (".ci", ".gitignore")
        if hidden or path.name in _GENERATED or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def files() -> list[Path]:
    """The project's files: as git knows them, new ones too; without git, what is there."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            paths = [ROOT / name for name in listed.stdout.split("\0") if name]
            return [path for path in paths if path.is_file()]
    return list(_walk(ROOT))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


FILES = sorted(files())
MODULES = [path for path in FILES if path.suffix == ".py"]


def faults(text: str) -> list[tuple[str, str]]:
    """(what it is, the line) for each line that holds something forbidden."""
    return [
        (what, line.strip())
        for line in text.splitlines()
        for what, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]


def test_the_tree_is_found() -> None:
    names = {name_of(path) for path in FILES}
    assert {"Makefile", "LICENSE", "zkserver/__main__.py", ".ci/run"} <= names
    assert not any(name.startswith((".venv/", "build/")) for name in names)
    if (ROOT / ".git").exists():
        assert {name_of(path) for path in _walk(ROOT)} >= {n for n in names if n.endswith(".py")}


def test_no_file_holds_what_belongs_to_one_machine_or_is_unfinished() -> None:
    found = [
        f"{name_of(path)}: {what}: {line}"
        for path in FILES
        for what, line in faults(path.read_text(errors="replace"))
        if (name_of(path), what) not in ALLOWED
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("open('/ho" + "me/ann/x')", "an absolute path of somebody's machine"),
        ("# TO" + "DO: later", "an unfinished mark"),
        ('"resolved": "https://registry' + '.npmjs.org/async"', "a registry's host"),
        ("-----BEGIN RSA PRIVATE" + " KEY-----", "a secret"),
    ],
)
def test_what_is_forbidden_is_seen(line: str, what: str) -> None:
    assert faults(line) == [(what, line)]


def test_ordinary_paths_are_not_taken_for_somebodys() -> None:
    assert faults("/demo/workers/mine, $(ROOT)/work/x, /usr/share/java, /a/t" + "mp/x") == []


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_module_is_longer_than_the_limit_but_the_listed_ones() -> None:
    assert {name_of(path) for path in MODULES if lines_of(path) > MODULE_LINES_MAX} == LONG_MODULES


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX:
                yield f"{name_of(path)}:{node.name}"


def test_no_function_is_longer_than_the_limit_but_the_listed_ones() -> None:
    assert {name for path in MODULES for name in long_functions(path)} == LONG_FUNCTIONS


def test_every_module_says_what_it_is() -> None:
    silent = [
        name_of(path)
        for path in MODULES
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert text.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()


# Commands.

TARGETS = {
    "install", "system", "demo", "demo-crash", "test", "lint", "bench", "conformance", "protos",
    "soak", "help",
}  # fmt: skip


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def make_plan(target: str) -> str:
    """What make would run for a target on a fresh clone."""
    plan = subprocess.run(
        ["make", "--dry-run", "--always-make", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return plan.stdout


def test_the_makefile_has_its_targets() -> None:
    assert make_targets() >= TARGETS
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(re.findall(r"make (\S+)", listed.stdout)) == TARGETS


@pytest.mark.parametrize("target", ["demo", "test", "bench", "conformance", "soak"])
def test_a_target_makes_what_it_needs_first(target: str) -> None:
    plan = make_plan(target).splitlines()
    steps = [" ".join(line.split()) for line in plan]
    prepared = [i for i, step in enumerate(steps) if "virtualenv.sh" in step or "system.sh" in step]
    used = [i for i, step in enumerate(steps) if step.startswith(".venv/bin/python")]
    assert prepared
    assert used
    assert max(prepared) < min(used)


def test_make_test_lints_and_tests() -> None:
    plan = make_plan("test")
    for command in ("ruff check .", "ruff format --check .", "mypy --strict", "pytest"):
        assert f".venv/bin/python -m {command}" in plan


def test_what_make_runs_exists() -> None:
    plan = "".join(make_plan(target) for target in sorted(TARGETS - {"help"}))
    assert unknown_commands(plan) == []
    scripts = set(re.findall(r"^(\S+\.sh)", plan, re.MULTILINE))
    assert {"conformance/setup/system.sh", "conformance/setup/virtualenv.sh"} <= scripts
    for script in scripts | {".ci/run"}:
        assert (ROOT / script).stat().st_mode & 0o111, f"{script} is not executable"
        subprocess.run(["bash", "-n", ROOT / script], check=True)


def test_ci_runs_make_test() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert "exec make test" in lines


def unknown_commands(text: str) -> list[str]:
    """The commands in ``text`` that this tree does not have."""
    subcommands = subprocess.run(
        [sys.executable, "-m", "zkserver", "--help"], capture_output=True, text=True, check=True
    ).stdout
    unknown = []
    for command in filter(None, text.splitlines()):
        words = re.sub(r"^(?:\w+=\S+ )*", "", command).split()
        match [Path(words[0]).name if words else "", *words[1:]]:
            case ["make", target, *_] if target not in make_targets():
                unknown.append(command)
            case ["zkserver", word, *_] if not re.search(rf"\b{re.escape(word)}\b", subcommands):
                unknown.append(command)
            case ["python" | "python3", "-m", module, *_] if not _has_module(module):
                unknown.append(command)
            case ["python" | "python3", script, *_] if (
                script.endswith(".py") and not (ROOT / script).is_file()
            ):
                unknown.append(command)
    return unknown


def _has_module(module: str) -> bool:
    place = ROOT.joinpath(*module.split("."))
    if place.with_suffix(".py").is_file() or (place / "__main__.py").is_file():
        return True
    # Not one of ours: pip, venv, pytest, ruff, mypy.
    return "." not in module and not place.exists() and importlib.util.find_spec(module) is not None


def commands_in(document: str) -> str:
    """The shell commands in a Markdown text, one a line, without what they print."""
    blocks = re.findall(
        r"^```(sh|bash|shell|console)\n(.*?)^```", document, re.DOTALL | re.MULTILINE
    )
    lines: list[str] = []
    for kind, block in blocks:
        # In a console the commands have a prompt; the rest is output.
        typed = re.findall(r"^\$ (.*)", block, re.MULTILINE)
        lines += typed if kind == "console" else block.splitlines()
    return "\n".join(part.strip() for line in lines for part in line.split("&&"))


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_commands_in_the_documents_exist(document: str) -> None:
    assert unknown_commands(commands_in((ROOT / document).read_text())) == []


def test_the_readme_tells_how_to_start() -> None:
    commands = commands_in((ROOT / "README.md").read_text()).splitlines()
    assert "make demo" in commands
    assert any("zkserver start" in command for command in commands)


def test_commands_that_do_not_exist_are_seen() -> None:
    text = (
        "```sh\nmake install && make coffee\npython -m conformance.demo\n"
        "python -m conformance.none\n```\nmake nothing\n```console\n"
        "$ ZK=x:1 python examples/99_none.py\n$ zkserver start\n"
        "zkserver dances\n$ .venv/bin/zkserver explode\n```\n"
    )
    assert unknown_commands(commands_in(text)) == [
        "make coffee",
        "python -m conformance.none",
        "ZK=x:1 python examples/99_none.py",
        ".venv/bin/zkserver explode",
    ]
