"""The file `admin-key` in the data folder: the one place where an API key itself is kept, for its owner alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from store.errors import SettingError
from store.settings import Secret

FILE_NAME = "admin-key"


def read_key_file(data: Path) -> Secret:
    """The key in the file, or an empty one."""
    try:
        return Secret((data / FILE_NAME).read_text(encoding="ascii", errors="replace").strip())
    except FileNotFoundError:
        return Secret("")
    except OSError as error:
        raise SettingError("OVERDUE_DATA", f"{data / FILE_NAME} cannot be read: {error.strerror}") from error


def keep_key_file(data: Path, key: Secret) -> None:
    """See that the file holds this key and a line end, with mode 0600; a reader never sees half of it."""
    file = data / FILE_NAME
    try:
        if not _is_right(file, key):
            _replace(file, key)
    except OSError as error:
        raise SettingError("OVERDUE_DATA", f"{file} cannot be written: {error.strerror}") from error


def _is_right(file: Path, key: Secret) -> bool:
    if not file.exists() or stat.S_IMODE(file.stat().st_mode) != 0o600:
        return False
    return file.read_bytes() == _content(key)


def _replace(file: Path, key: Secret) -> None:
    draft = file.with_name(f".{FILE_NAME}.draft")
    draft.unlink(missing_ok=True)  # left by a crash
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(_content(key))
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _content(key: Secret) -> bytes:
    return key.encode() + b"\n"
