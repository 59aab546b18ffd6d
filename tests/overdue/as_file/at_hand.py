"""Files, the two commands that read and write them, and a look into the book."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

from click.testing import CliRunner, Result

from overdue.command import main
from store.book.database import CONFIG_DB

WOULD_CHANGE, REFUSED = 3, 2
SECRET = "whsec_SLhFom1Jhp1PBK8O3MM+Mwf/HZ6Nx1mUBb5d9spPzYo="

FLEET = f"""
[[channels]]
name = "on call"
type = "webhook"
url = "https://example.org/overdue"
secret = "{SECRET}"
headers = {{ Authorization = "Bearer planted" }}

[[channels]]
name = "night watch"
type = "apprise"
url = "ntfys://planted-topic"
isDefault = false

[[monitors]]
name = "backup"
interval = 86400
gracePeriod = 3600
tags = ["prod", "db"]
channels = ["on call", "night watch"]

[[monitors.metricAlerts]]
metricKey = "queue_size"
operator = ">"
threshold = 100
channel = "on call"

[[monitors]]
name = "hourly"
interval = 3600
"""


class Desk:
    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.data = data

    def run(self, *arguments: str, stdin: bytes | None = None) -> Result:
        return CliRunner().invoke(main, list(arguments), input=stdin)

    def bring(self, text: str, *options: str, name: str = "fleet.toml") -> Result:
        """Import a file with this text."""
        (self.folder / name).write_text(dedent(text), encoding="utf-8")
        return self.run("import", name, *options)

    def brought(self, text: str, *options: str) -> list[str]:
        """The lines that tell what such an import has changed."""
        result = self.bring(text, *options)
        assert result.exit_code == 0, result.stderr
        return result.stdout.splitlines()

    def refused(self, text: str, *options: str) -> list[str]:
        """What is complained of, without its first line; nothing is changed."""
        before = self.everything()
        result = self.bring(text, *options)
        assert (result.exit_code, result.stdout) == (REFUSED, ""), result.output
        assert self.everything() == before
        assert result.stderr.startswith("overdue: fleet.toml: ")
        return [line.strip() for line in result.stderr.splitlines()[1:]]

    def exported(self, *options: str) -> str:
        result = self.run("export", *options)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.data / CONFIG_DB)) as connection:
            return connection.execute(sql).fetchall()

    def everything(self) -> list[str]:
        """All rows of the book."""
        with closing(sqlite3.connect(self.data / CONFIG_DB)) as connection:
            return list(connection.iterdump())
