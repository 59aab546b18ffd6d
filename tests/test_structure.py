"""The shape of the house, read from its source: who imports what, who asks for the time, how large a room may be."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pytest

from store.live.scripts import FENCE

ROOT = Path(__file__).parent.parent
PACKAGES = ("overdue", "ingest", "sweeper", "store")
BESIDE = ("bench", "tests")
SCRIPTS = ROOT / "store" / "live" / "scripts"

# Which of our own folders may import which others, besides themselves.
ARROWS: Mapping[str, set[str]] = {
    "store": set(),
    "ingest": {"store"},
    "sweeper": {"store"},
    "overdue": {"store", "ingest", "sweeper"},
}

# Libraries that have a home: nobody else in the packages knows them.
HOMES: Mapping[str, tuple[str, ...]] = {
    "redis": ("store/live/",),
    "sqlite3": ("store/book/",),
    "aiosqlite": ("store/book/",),
    "starlette": ("ingest/",),
    "uvicorn": ("ingest/",),
    "httpx": ("sweeper/channels/", "overdue/"),
    "httpcore": ("sweeper/channels/",),
    "aiosmtplib": ("sweeper/channels/",),
    "apprise": ("sweeper/channels/", "ingest/api/chat_reader_child.py"),
    "jinja2": ("ingest/pages/",),
    "click": ("overdue/",),
    "uvloop": ("store/part.py",),
}

# What asks this machine for the time. Sleeping and formatting a moment that is given do not.
CLOCKS = {
    *(f"time.{name}{unit}" for name in ("time", "monotonic", "perf_counter") for unit in ("", "_ns")),
    *(f"datetime.{name}" for name in ("now", "utcnow", "today")),
    "date.today",
}
MAY_READ_CLOCKS = {
    "store/clock.py": "this is the one place",
    "bench/client.py": "latencies of microseconds, in a process of its own",
}

VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "misc"}
MOST_LINES = 300
SKIPPED_FOLDERS = {"__pycache__", "data", "build", "node_modules"}
# Spelled in halves, so that this file does not hold what it looks for.
FOREIGN_PATHS = re.compile(r"(?<![\w.])/(work|ro" + r"ot)\b|pypi" + r"\.org|python" + r"hosted\.org")


def sources(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """The Python files of some folders, as path from the root and syntax tree."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), parsed(path)


@lru_cache(maxsize=1000)
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=1000)
def imported(tree: ast.Module) -> Sequence[str]:
    """The dotted names of the modules that a file imports."""
    return list(_imported(tree))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield node.module or ""


def texts() -> Iterator[tuple[str, str]]:
    """Every text file of the repository, as path from the root and content."""
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [
            name for name in inner if name == ".ci" or not (name.startswith(".") or name in SKIPPED_FOLDERS)
        ]
        inner[:] = [name for name in inner if not name.endswith(".egg-info")]
        for name in names:
            path = Path(folder, name)
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def test_nobody_imports_upwards() -> None:
    ours = {*PACKAGES, *BESIDE}
    for path, tree in sources(*PACKAGES):
        own = path.split("/")[0]
        used = {name.split(".")[0] for name in imported(tree)} & ours
        assert used <= ARROWS[own] | {own}, path


@pytest.mark.parametrize("library", HOMES)
def test_a_library_with_a_home_is_imported_nowhere_else(library: str) -> None:
    users = [
        path
        for path, tree in sources(*PACKAGES)
        if library in {name.split(".")[0] for name in imported(tree)}
    ]
    assert users, f"nobody imports {library} any more: take it off the list"
    assert [path for path in users if not path.startswith(HOMES[library])] == []


def test_code_is_loaded_by_name_in_one_place_only() -> None:
    """Or else the arrows above could be gone around."""
    for path, tree in sources(*PACKAGES):
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        dynamic = "importlib" in set(imported(tree)) or "__import__" in names
        assert not dynamic or path == "overdue/lazy.py", path


def clock_reads(tree: ast.Module) -> Iterator[str]:
    """Where a file asks for the time: `time.monotonic` and the like, also when it was imported from its module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = (
                node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            )
            if f"{owner}.{node.attr}" in CLOCKS:
                yield f"{owner}.{node.attr} in line {node.lineno}"
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"time.{alias.name}" for alias in node.names if f"time.{alias.name}" in CLOCKS)


def test_only_the_clock_asks_for_the_time() -> None:
    found = {path: list(clock_reads(tree)) for path, tree in sources(*PACKAGES, "bench")}
    askers = {path for path, reads in found.items() if reads}
    assert askers == set(MAY_READ_CLOCKS), {path: found[path] for path in askers ^ set(MAY_READ_CLOCKS)}


def has_indented_imports(tree: ast.Module) -> bool:
    """What is inside of something: to find out in what is dear, and hardly any file has one."""
    return any(isinstance(one, ast.Import | ast.ImportFrom) and one.col_offset for one in ast.walk(tree))


def test_imports_stand_at_the_top() -> None:
    for path, tree in sources(*PACKAGES, *BESIDE):
        for node in ast.walk(tree) if has_indented_imports(tree) else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = [one.lineno for one in ast.walk(node) if isinstance(one, ast.Import | ast.ImportFrom)]
                assert inner == [], f"{path}, line {inner}"


def test_every_module_has_a_name_that_says_its_trade() -> None:
    for path, _ in sources(*PACKAGES, *BESIDE):
        assert not VAGUE_NAMES & set(path.removesuffix(".py").split("/")), path


def test_every_module_says_what_it_is_for() -> None:
    for path, tree in sources(*PACKAGES, *BESIDE):
        if tree.body:
            assert ast.get_docstring(tree), path


def test_no_file_does_everything() -> None:
    for folder in PACKAGES:
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in {".py", ".lua", ".sql"}:
                lines = len(path.read_text(encoding="utf-8").splitlines())
                assert lines <= MOST_LINES, f"{path.relative_to(ROOT)} has {lines} lines"


def callers(script: str) -> Iterator[str]:
    """The modules in which a typed function calls a script."""
    for path, tree in sources("store/live"):
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and names_script(
                function, script
            ):
                assert function.returns is not None, f"{function.name} in {path} is not typed"
                yield path


def names_script(function: ast.AST, script: str) -> bool:
    """Whether a function calls this script: its name as the first argument of a call, or kept for one in `name`."""
    for node in ast.walk(function):
        first: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and "call" in node.func.attr:
            first = node.args[:1]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "name":
            first = [node.value]
        for part in (part for one in first for part in ast.walk(one)):
            if isinstance(part, ast.Constant) and part.value == script:
                return True
    return False


@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("*.lua")))
def test_a_script_is_called_by_one_module_of_the_live_side(script: str) -> None:
    assert len(set(callers(script))) == 1


def test_every_shared_piece_of_lua_is_used() -> None:
    used = {
        piece
        for path in SCRIPTS.rglob("*.lua")
        for piece in re.findall(r"^--@include (\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert used | {FENCE.stem} == {path.stem for path in (SCRIPTS / "shared").glob("*.lua")}


@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("*.lua")))
def test_a_script_opens_with_its_contract(script: str) -> None:
    lines = (SCRIPTS / f"{script}.lua").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#!lua")
    assert lines[1].startswith(f"-- {script}: ")
    head = "\n".join(line for line in lines if line.startswith("--"))
    for word in ("KEYS", "ARGV", "Returns", "Errors", "Cost"):
        assert re.search(rf"^-- {word} ", head, re.MULTILINE), f"{word} of {script}"


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
    for path, text in texts():
        assert not later.search(text), path


def test_nothing_names_a_place_on_the_machine_that_it_was_written_on() -> None:
    for path, text in texts():
        found = FOREIGN_PATHS.search(text)
        assert found is None, f"{path}: {found and found[0]}"
