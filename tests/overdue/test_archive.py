"""Backup while everything is in use, and restore that deletes nothing."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from overdue.archive import pack
from overdue.command import main
from overdue.lock import claim
from store.book.bootstrap import prepare
from store.errors import Invalid
from store.settings import read_settings


def generation(data: Path) -> str:
    with closing(sqlite3.connect(data / "config.db")) as connection:
        return str(connection.execute("SELECT generation FROM installation").fetchone()[0])


def signing(data: Path) -> bytes:
    with closing(sqlite3.connect(data / "config.db")) as connection:
        return bytes(connection.execute("SELECT secret FROM session_secret").fetchone()[0])


def rows(data: Path) -> list[int]:
    with closing(sqlite3.connect(f"file:{data}/history.db?mode=ro", uri=True)) as connection:
        return [value for (value,) in connection.execute("SELECT a FROM t ORDER BY a")]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prepared data folder."""
    data = tmp_path / "data"
    monkeypatch.setenv("OVERDUE_DATA", str(data))
    monkeypatch.setenv("OVERDUE_REDIS_URL", "")
    asyncio.run(prepare(read_settings()))
    return data


@pytest.fixture
def history(data: Path) -> Iterator[sqlite3.Connection]:
    """history.db, held open by a writer with two rows in its WAL."""
    with closing(sqlite3.connect(data / "history.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a INTEGER) STRICT")
        connection.execute("INSERT INTO t VALUES (1), (2)")
        yield connection


def command(*words: str | Path) -> tuple[int, str]:
    ended = CliRunner().invoke(main, [str(word) for word in words])
    return ended.exit_code, ended.output


def test_what_is_committed_is_in_the_backup_while_a_writer_is_in_a_transaction(
    data: Path, history: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.execute("BEGIN IMMEDIATE")
    history.execute("INSERT INTO t VALUES (3)")
    code, said = command("backup", tmp_path / "b.tar.gz")
    assert code == 0, said
    history.execute("COMMIT")
    assert (tmp_path / "b.tar.gz").stat().st_mode & 0o777 == 0o600

    fresh = tmp_path / "fresh"
    monkeypatch.setenv("OVERDUE_DATA", str(fresh))
    code, said = command("restore", tmp_path / "b.tar.gz")
    assert code == 0, said
    assert rows(fresh) == [1, 2]
    assert (fresh / "admin-key").read_bytes() == (data / "admin-key").read_bytes()
    assert not any(path.stat().st_mode & 0o077 for path in fresh.iterdir() if path.is_file())
    assert list(tmp_path.glob(".overdue-*")) == list(fresh.glob(".overdue-*")) == []


def test_a_restored_installation_has_a_new_generation_so_that_an_old_redis_is_not_mistaken_for_its_own(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("backup", tmp_path / "b.tar.gz")
    monkeypatch.setenv("OVERDUE_DATA", str(tmp_path / "fresh"))
    command("restore", tmp_path / "b.tar.gz")
    assert generation(tmp_path / "fresh") != generation(data)


def test_a_restored_installation_signs_sessions_anew_so_that_a_cookie_opens_nothing_of_somebody_else(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("backup", tmp_path / "b.tar.gz")
    monkeypatch.setenv("OVERDUE_DATA", str(tmp_path / "fresh"))
    command("restore", tmp_path / "b.tar.gz")
    before, after = signing(data), signing(tmp_path / "fresh")
    assert len(before) == len(after) == 32
    assert before != after


def test_databases_that_are_there_are_kept_unless_told(data: Path, tmp_path: Path) -> None:
    command("backup", tmp_path / "b.tar.gz")
    before = generation(data)
    code, said = command("restore", tmp_path / "b.tar.gz")
    assert code == 2
    assert "holds config.db already; --replace moves them aside" in said
    assert generation(data) == before


def test_what_is_replaced_is_moved_aside_with_its_wal_and_the_files_of_valkey(
    data: Path, history: sqlite3.Connection, tmp_path: Path
) -> None:
    command("backup", tmp_path / "b.tar.gz")
    history.execute("INSERT INTO t VALUES (3)")
    (data / "appendonlydir").mkdir()
    code, said = command("restore", "--replace", tmp_path / "b.tar.gz")
    assert code == 0, said
    assert rows(data) == [1, 2]
    (aside,) = data.glob("replaced-*")
    assert {path.name for path in aside.iterdir()} == {
        "config.db",
        "history.db",
        "history.db-wal",
        "history.db-shm",
        "admin-key",
        "appendonlydir",
    }
    assert rows(aside) == [1, 2, 3]


def test_a_folder_in_use_is_not_restored_into(data: Path, tmp_path: Path) -> None:
    command("backup", tmp_path / "b.tar.gz")
    with claim(data):
        code, said = command("restore", "--replace", tmp_path / "b.tar.gz")
    assert code == 2
    assert "is in use by process" in said


def test_a_damaged_database_is_refused_before_anything_changes(data: Path, tmp_path: Path) -> None:
    whole = (data / "config.db").read_bytes()
    (tmp_path / "config.db").write_bytes(whole[:4096] + b"\xff" * 8192 + whole[12288:])
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "config.db", "config.db")
    code, said = command("restore", "--replace", tmp_path / "b.tar.gz")
    assert code == 2
    assert "is damaged" in said
    assert (data / "config.db").read_bytes() == whole


def test_only_known_plain_files_are_taken_out_of_an_archive(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        archive.add(data / "config.db", "config.db")
        for name in ("../outside", "lock", "valkey.conf", "/tmp/overdue-absolute"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("history.db")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    fresh = tmp_path / "fresh"
    monkeypatch.setenv("OVERDUE_DATA", str(fresh))
    code, said = command("restore", tmp_path / "b.tar.gz")
    assert code == 0, said
    assert {path.name for path in fresh.iterdir()} == {"config.db", "lock", "parts.lock"}
    assert b"evil" not in (fresh / "lock").read_bytes()
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x1f\x8b\x08\x00half"])
def test_what_is_no_backup_is_refused_with_a_sentence(data: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.tar.gz").write_bytes(content)
    code, said = command("restore", "--replace", tmp_path / "b.tar.gz")
    assert code == 2
    assert said.startswith("overdue: ")
    assert "cannot be read as an archive" in said or "not a backup" in said


def test_a_backup_that_is_cut_short_is_refused(data: Path, tmp_path: Path) -> None:
    pack(data, tmp_path / "b.tar.gz")
    whole = (tmp_path / "b.tar.gz").read_bytes()
    (tmp_path / "b.tar.gz").write_bytes(whole[: len(whole) // 2])
    assert command("restore", "--replace", tmp_path / "b.tar.gz")[0] == 2
    assert (data / "config.db").exists()


def test_a_backup_never_overwrites_and_never_saves_nothing(data: Path, tmp_path: Path) -> None:
    (tmp_path / "b.tar.gz").write_text("dear")
    with pytest.raises(Invalid, match="exists already"):
        pack(data, tmp_path / "b.tar.gz")
    with pytest.raises(Invalid, match="nothing to save"):
        pack(tmp_path / "none", tmp_path / "c.tar.gz")
    assert not (tmp_path / "c.tar.gz").exists()


def test_a_target_in_a_folder_that_is_not_there_is_a_sentence(data: Path, tmp_path: Path) -> None:
    code, said = command("backup", tmp_path / "none" / "b.tar.gz")
    assert code == 2
    assert "cannot be written" in said
    assert isinstance(main, click.Group)
