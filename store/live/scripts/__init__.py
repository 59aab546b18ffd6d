"""The Lua scripts, assembled once: shebang, contract, the shared pieces that `--@include` names, body.

The clock is a shared piece like any other, so a test can put its own in its place and production has no hook for it.
"""

from __future__ import annotations

from hashlib import sha1
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).parent
_INCLUDE = "--@include "
CLOCK = _FOLDER / "shared" / "clock.lua"
FENCE = _FOLDER / "shared" / "fence.lua"


class Script(msgspec.Struct, frozen=True):
    """A script as Redis gets it. `sha` is what EVALSHA calls it by."""

    name: str
    source: str
    sha: str


def assemble(name: str, clock: Path = CLOCK) -> Script:
    """Read `<name>.lua` with its shared pieces; `clock` is the piece that tells the time."""
    return _script(name, _expand(_FOLDER / f"{name}.lua", clock))


def fence(script: Script) -> Script:
    """The same script behind `fence.lua`: its last key is a lock, its last argument whose it has to be."""
    shebang, *rest = script.source.splitlines()
    return _script(script.name, [shebang, *_expand(FENCE, CLOCK), *rest])


def _script(name: str, lines: list[str]) -> Script:
    source = "\n".join(lines)
    return Script(name, source, sha1(source.encode(), usedforsecurity=False).hexdigest())


def _expand(path: Path, clock: Path) -> list[str]:
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(_INCLUDE):
            lines.append(line)
            continue
        piece = line.removeprefix(_INCLUDE)
        lines += _expand(clock if piece == "clock" else _FOLDER / "shared" / f"{piece}.lua", clock)
    return lines


def names() -> list[str]:
    """All scripts by name."""
    return sorted(path.stem for path in _FOLDER.glob("*.lua"))
