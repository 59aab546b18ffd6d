"""The embedded Valkey: its binary, its configuration, its socket, and telling an orphan of ours from a stranger."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from overdue import valkey
from overdue.orphan import command_line, is_ours, stop_orphan
from overdue.valkey import embedded_url, find_binary, prepare_files, socket_path, wait_until_loaded
from store.errors import SettingError
from store.live.server import Server, check_server, read_server
from tests.overdue.processes import alive, redis_server, until

MAXMEMORY = 64 * 1024**2


@contextmanager
def embedded(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that runs on the configuration of this folder, as an earlier `serve` would have left it."""
    configuration = prepare_files(data, MAXMEMORY)
    process = subprocess.Popen(
        [find_binary(), configuration], stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until(socket_path(data).exists)
        yield process
    finally:
        process.kill()
        process.wait()


async def loaded(data: Path) -> Server:
    return await wait_until_loaded(embedded_url(data), lambda: False, data, print)


async def test_it_keeps_what_it_is_told_to_keep(tmp_path: Path) -> None:
    with embedded(tmp_path):
        server = await loaded(tmp_path)
        assert (server.maxmemory_policy, server.appendonly) == ("noeviction", True)
        assert await check_server(embedded_url(tmp_path)) == server.name


@pytest.mark.parametrize("name", ["a b", 'quo"te', "per%20cent#?", "back\\slash", "ünï", "{title}"])
async def test_any_name_of_a_data_folder_works(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    data.mkdir()
    with embedded(data) as process:
        server = await loaded(data)
        assert server.pid == process.pid
        assert is_ours(process.pid, data)
        await stop_orphan(data, print)
        assert process.wait(5) == 0


def test_control_characters_in_the_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="control characters"):
        prepare_files(tmp_path / "a\nb", MAXMEMORY)


async def test_a_path_that_is_too_long_for_a_socket_gets_one_elsewhere(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30)
    data.mkdir()
    assert socket_path(data) == socket_path(data)
    assert socket_path(data).parent != data
    with embedded(data):
        await loaded(data)
    state = socket_path(data).parent.stat()
    assert (state.st_mode & 0o777, state.st_uid) == (0o700, os.geteuid())
    socket_path(data).unlink()
    socket_path(data).parent.rmdir()


@pytest.mark.parametrize("trap", ["open", "link", "file"])
def test_a_folder_that_someone_else_may_have_laid_out_for_the_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = tmp_path / ("long" * 30)
    data.mkdir()
    folder = socket_path(data).parent
    assert folder.parent == tmp_path
    if trap == "open":
        folder.mkdir()
        folder.chmod(0o755)
    elif trap == "link":
        (tmp_path / "mine").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "mine")
    else:
        folder.touch(mode=0o600)
    with pytest.raises(SettingError, match="OVERDUE_DATA"):
        prepare_files(data, MAXMEMORY)


async def test_a_server_that_dies_while_starting_is_told_with_the_last_words_of_its_log(
    tmp_path: Path,
) -> None:
    (tmp_path / "valkey.log").write_text("one\nBad file format\n")
    with pytest.raises(SettingError, match="Bad file format"):
        await wait_until_loaded(embedded_url(tmp_path), lambda: True, tmp_path, print)


def test_a_binary_that_does_not_run_or_is_too_old_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, old = tmp_path / "broken", tmp_path / "old"
    broken.write_text("not a program")
    old.write_text("#!/bin/sh\necho 'Redis server v=6.2.14 sha=0'\n")
    for file in (broken, old):
        file.chmod(0o755)
    good = find_binary()
    monkeypatch.setattr(valkey, "_candidates", lambda: iter([broken, old, good]))
    assert find_binary() == good
    monkeypatch.setattr(valkey, "_candidates", lambda: iter([broken, old]))
    with pytest.raises(SettingError, match=r"broken does not run .*old is too old \(6\.2\)\); install"):
        find_binary()


async def test_an_orphan_of_ours_is_stopped(tmp_path: Path) -> None:
    with embedded(tmp_path) as process:
        await loaded(tmp_path)
        said: list[str] = []
        await stop_orphan(tmp_path, said.append)
        assert process.wait(5) == 0
        assert said == [f"stopping the Valkey that a former start left behind (process {process.pid})"]


async def test_an_orphan_without_its_pid_file_is_found_behind_its_socket(tmp_path: Path) -> None:
    with embedded(tmp_path) as process:
        await loaded(tmp_path)
        (tmp_path / "valkey.pid").unlink()
        await stop_orphan(tmp_path, print)
        assert process.wait(5) == 0


async def test_an_orphan_that_does_not_answer_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overdue.orphan.STOP_BOUND_MS", 200)
    with embedded(tmp_path) as process:
        await loaded(tmp_path)
        process.send_signal(signal.SIGSTOP)
        await stop_orphan(tmp_path, print)
        assert process.wait(5) == -signal.SIGKILL


async def test_a_stranger_whose_pid_is_in_our_pid_file_is_left_alone(tmp_path: Path) -> None:
    prepare_files(tmp_path, MAXMEMORY)
    # It even shows our configuration file, as an editor would.
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)", str(valkey.configuration_file(tmp_path))]
    with subprocess.Popen(sleeping) as stranger:
        until(lambda: "valkey.conf" in command_line(stranger.pid))
        (tmp_path / "valkey.pid").write_text(f"{stranger.pid}\n")
        await stop_orphan(tmp_path, print)
        assert alive(stranger.pid)
        stranger.kill()


@pytest.mark.parametrize("text", ["", "1", "0", "-1", "x", "99999999999999999999", "4194999"])
async def test_a_pid_file_with_nonsense_harms_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "valkey.pid").write_text(text)
    await stop_orphan(tmp_path, print)


async def test_a_strange_server_at_our_socket_is_neither_stopped_nor_replaced(tmp_path: Path) -> None:
    with redis_server(tmp_path / "r") as url:
        socket_path(tmp_path).symlink_to(tmp_path / "r" / "s")
        with pytest.raises(SettingError, match="not ours"):
            await stop_orphan(tmp_path, print)
        assert (await read_server(url)).pid
