"""The archive that `backup` writes and `restore` reads: a tar.gz of both databases and the admin key, nothing else."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfileobj

from store.book.admin_key import FILE_NAME as ADMIN_KEY
from store.book.copy import copy_database
from store.book.database import CONFIG_DB
from store.book.history_reader import HISTORY_DB
from store.errors import Invalid, Unavailable

# In the order of copying. History before configuration: then every monitor that the history speaks of is known.
DATABASES = (HISTORY_DB, CONFIG_DB)
NAMES = (*DATABASES, ADMIN_KEY)


def pack(data: Path, target: Path) -> None:
    """Write an archive of a data folder, also while it is in use; it appears complete or not at all.

    Raises:
        Invalid: there is nothing to save, or something is at the target already.
        Unavailable: a database cannot be read, or the archive cannot be written.
    """
    if not (data / CONFIG_DB).exists():
        raise Invalid(f"there is nothing to save in {data}: it has no {CONFIG_DB}")
    if target.exists():
        raise Invalid(f"{target} exists already; choose another name")
    try:
        with _staging(target.absolute().parent) as folder:
            for name in DATABASES:
                if (data / name).exists():
                    copy_database(data / name, folder / name)
            if (data / ADMIN_KEY).exists():
                (folder / ADMIN_KEY).write_bytes((data / ADMIN_KEY).read_bytes())
            _write(folder, folder / "archive")
            (folder / "archive").replace(target)
    except OSError as error:
        raise Unavailable(f"{target} cannot be written: {error}") from error


@contextmanager
def unpacked(source: Path, beside: Path) -> Iterator[Path]:
    """The archive's files in a private folder that goes away, on the same disk as `beside`.

    Only the names that we know are read, each as a plain file: what else an archive may hold cannot reach the disk.

    Raises:
        Invalid: it is not an archive of ours.
    """
    with _staging(beside) as folder:
        try:
            with tarfile.open(source, "r:*") as archive:
                for member in archive:
                    if member.name in NAMES and member.isfile():
                        _extract(archive, member, folder / member.name)
        except (OSError, EOFError, tarfile.TarError) as error:
            raise Invalid(f"{source} cannot be read as an archive: {error}") from error
        if not (folder / CONFIG_DB).exists():
            raise Invalid(f"{source} is not a backup of Overdue: it holds no {CONFIG_DB}")
        yield folder


@contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".overdue-", dir=parent) as folder:
        yield Path(folder)


def _write(folder: Path, archive_file: Path) -> None:
    descriptor = os.open(archive_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name in NAMES:
                if (folder / name).exists():
                    archive.add(folder / name, arcname=name, filter=_private)
        stream.flush()
        os.fsync(stream.fileno())


def _private(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode = 0o600
    return member


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = archive.extractfile(member)
    assert content is not None  # a plain file has content
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with content, os.fdopen(descriptor, "wb") as stream:
        copyfileobj(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
