"""Opens config.db for the small commands, which work beside a running Overdue or without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from store.book.database import CONFIG_DB, ConfigBook
from store.errors import SettingError
from store.settings import read_settings


@asynccontextmanager
async def open_config_book(*, large: bool = False) -> AsyncIterator[ConfigBook]:
    """The config.db of this installation; `large` is for who writes many rows at once.

    Raises:
        SettingError: nothing was ever started in OVERDUE_DATA.
    """
    path = read_settings().data / CONFIG_DB
    if not path.exists():
        raise SettingError(
            "OVERDUE_DATA", f"there is no {path} yet; start `overdue serve` once, or name its folder"
        )
    async with await ConfigBook.open(path, large=large) as book:
        yield book
