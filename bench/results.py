"""`bench/RESULTS.md`: each bench has a section of its own between two marks there, and replaces nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.load import BenchFailed
from bench.report import REMARKS, Setting, markdown_table, verdicts
from bench.row import Row

RESULTS = Path(__file__).with_name("RESULTS.md")
TITLE = "# Figures\n\nMeasured, not promised: how to measure them again stands in each section.\n"

HOW = """\
`make bench` starts a whole Overdue with its defaults in an empty folder (append-only file on, synced every second),
the yardsticks on the same web server with the same flags, and a second ingest without the express lane. wrk, in one
thread, sends ready-made requests of curl's kind that walk through all monitors; without wrk our own client does. In
each round every row is measured once, one after the other. A part's CPU is read from `/proc` before and after; the
recorder's when it has caught up. After each row that pings, what was answered has to be what the counter says and what
stands in `history.db`, or the bench fails.

- *a connection each*: every request says `Connection: close`, 64 at a time.
- *2 a second*: one connection, a ping every half second, nothing to share a batch with.
- *batches*: `POST /ping` over 4 connections.
- *record.lua*: the script through ingest's own writer, on a Valkey that does nothing else.
- *recorder*: it is held while the stream fills, and let go; with metrics each row also becomes two values.
- *with recorder and sweeper*: all processes of Overdue, Redis until the recorder has read everything."""


def section_of(setting: Setting, rows: Sequence[Row]) -> str:
    """What a ping costs, for the page."""
    about = "\n".join(f"- {line}" for line in setting.lines())
    said = "\n".join(f"- {line}" for line in verdicts(rows))
    parts = ["## What a ping costs", about, markdown_table(rows), said, HOW, "\n".join(REMARKS)]
    return "\n\n".join(parts)


def write_section(name: str, text: str, path: Path = RESULTS) -> None:
    """Put a section into the page in the place of its former self, or at the end.

    Raises:
        BenchFailed: the page has one of the section's two marks, but not the other after it.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    page = path.read_text(encoding="utf-8") if path.exists() else TITLE
    section = f"{begin}\n\n{text.strip()}\n\n{end}\n"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if bool(found) != bool(closed) or (not found and end in page):
        raise BenchFailed(f"{path.name} has a damaged section {name!r}: its marks are no pair")
    if not found:
        path.write_text(f"{page.rstrip()}\n\n{section}", encoding="utf-8")
    else:
        path.write_text(before + section + after.removeprefix("\n"), encoding="utf-8")
