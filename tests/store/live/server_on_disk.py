"""A server with an append-only file that can be stopped, harmed and started again where it was."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.servers import wait_for_server


class ServerOnDisk:
    """Listens on a socket in `folder`. `options` come after ours; `credentials` are `user:password@` or nothing."""

    def __init__(self, binary: str, folder: Path, *options: str, credentials: str = "") -> None:
        self.folder = folder
        self.url = f"unix://{credentials}{folder / 's'}"
        self._command = [
            binary,
            *options,
            "--port",
            "0",
            "--unixsocket",
            str(folder / "s"),
            "--dir",
            str(folder),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def incremental_file(self) -> Path:
        """The end of the append-only file, which is written to now."""
        return max(
            (self.folder / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime_ns
        )

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, cwd=self.folder, stdout=log, stderr=log)
        wait_for_server(self.url)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        if self._process:
            self._process.send_signal(by)
            self._process.wait()
            self._process = None

    def send(self, sign: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, sign)


@contextmanager
def server_on_disk(
    binary: str, *options: str, credentials: str = "", within: Path | None = None
) -> Iterator[ServerOnDisk]:
    """One that runs, in a folder of its own (on the disk that `within` names); stopped and removed at the end."""
    with TemporaryDirectory(prefix="od-aof-", dir=within) as folder:
        server = ServerOnDisk(binary, Path(folder), *options, credentials=credentials)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGKILL)
