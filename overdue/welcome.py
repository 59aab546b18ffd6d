"""What `serve` says once everything runs: where it is, with which key, and a first curl that works when pasted."""

from __future__ import annotations

import shlex
from importlib.metadata import version
from pathlib import Path

import msgspec

BODY = '{"name": "my first job", "interval": 60, "gracePeriod": 30}'


class Welcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is said. `new_key` is empty on every start but the first, when the key is shown this one time."""

    address: str
    server: str
    data: Path
    new_key: str

    def text(self) -> str:
        return "\n".join(
            ["", f"  Overdue {version('overdue')} is ready at {self.address}", "", *self._facts(), ""]
        )

    def _facts(self) -> list[str]:
        return [
            *self._about_key(),
            f"  Data         {self.data}",
            f"  Server       {self.server}",
            "",
            "  Create a monitor; the reply holds the address to ping:",
            "",
            f"  {self.curl()}",
            "",
            "  Ctrl-C stops everything in order.",
        ]

    def _about_key(self) -> list[str]:
        if self.new_key:
            return [
                f"  Admin key    {self.new_key}",
                f"               shown this once, kept in {self._key_file}",
            ]
        return [f"  Admin key    kept in {self._key_file}"]

    def curl(self) -> str:
        """The line to paste; on later starts it reads the key from its file, as the key is shown only once."""
        if self.new_key:
            header = shlex.quote(f"x-api-key: {self.new_key}")
        else:
            header = f'"x-api-key: $(cat {shlex.quote(str(self._key_file))})"'
        return (
            f"curl -X POST {self.address}/api/monitors -H {header} "
            f"-H 'content-type: application/json' -d '{BODY}'"
        )

    @property
    def _key_file(self) -> Path:
        return self.data / "admin-key"
