"""`overdue run`: runs a job as if it had been called by itself, and tells Overdue when it starts and how it ends.

Nothing slow is loaded before the job runs: the settings are not read, and what sends pings comes after the start.
"""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import click

from overdue.job.wrapper import run_job


def _ping_url(context: click.Context, parameter: click.Parameter, text: str) -> str:
    """A ping URL that can be used; the sentence never repeats it, because it is a secret."""
    try:
        parts = urlsplit(text.strip())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not text.strip().isascii() or any(c.isspace() for c in text.strip()):
        raise click.BadParameter("is not a URL such as https://overdue.example.org/ping/<key>")
    if "@" in parts.netloc:
        raise click.BadParameter("names a user, which a ping URL does not need")
    return text.strip()


@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "--ping-url",
    envvar="OVERDUE_PING_URL",
    required=True,
    metavar="URL",
    callback=_ping_url,
    help="Where to ping; better as OVERDUE_PING_URL, because everyone on the machine sees a command line.",
)
@click.option(
    "--no-output",
    is_flag=True,
    help="Send no output, and leave the job's own (a terminal, say) to the job.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(1, 3600),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="How long the last ping may take after the job has ended.",
)
@click.option("--quiet", is_flag=True, help="Say nothing when a ping fails.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(ping_url: str, no_output: bool, wait_s: float, quiet: bool, command: tuple[str, ...]) -> None:
    """Run COMMAND, and tell Overdue when it starts, how it ends, how long it took, and the end of its output.

    Standard input, output and error, signals and the exit code are those of COMMAND (128 + n if signal n ended it,
    126 if it cannot be run, 127 if it is not there). A server that is away changes none of that.
    """
    sys.exit(run_job(command, ping_url, keep_output=not no_output, wait_s=wait_s, quiet=quiet))
