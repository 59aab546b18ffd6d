"""The `overdue` command: a table of its commands, each in a module of its own that is loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from overdue.lazy import load
from store.errors import OverdueError

COMMANDS: Mapping[str, str] = {
    "serve": "overdue.serve:serve",
    "ingest": "overdue.parts:ingest",
    "sweeper": "overdue.parts:sweeper",
    "recorder": "overdue.parts:recorder",
    "run": "overdue.job.command:run",
    "keys": "overdue.keys:keys",
    "orgs": "overdue.orgs:orgs",
    "writers": "overdue.writers:writers",
    "export": "overdue.as_file.export:export",
    "import": "overdue.importing:import_file",
    "doctor": "overdue.doctor:doctor",
    "backup": "overdue.backup:backup",
    "restore": "overdue.restore:restore",
}


class Refusal(click.ClickException):
    """An error of ours as click shows it: one sentence, never a traceback."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"overdue: {self.message}", file=file, err=True)


class CommandTable(click.Group):
    """A group whose commands are named in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        path = COMMANDS.get(cmd_name)
        if path is None:
            return None
        command: click.Command = load(path)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OverdueError as error:
            raise Refusal(str(error)) from error


@click.group(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="overdue", prog_name="Overdue", message="%(prog)s %(version)s")
def main() -> None:
    """The dead man's switch for fleets: workers ping it, and when one falls silent, someone is told."""
