"""`overdue doctor`: looks at an installation from outside, says what it finds, and repairs what it can."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import click
import msgspec

from overdue.health.examination import compare
from overdue.health.finding import Finding, Verdict
from overdue.health.hearing import hearing_finding
from overdue.health.mail import mail_finding
from overdue.health.memory import memory_finding
from overdue.listen import reachable_host
from overdue.ready import open_client, what_is_missing
from overdue.valkey import embedded_url
from overdue.writers import longest_silences
from store.book.admin_key import FILE_NAME as ADMIN_KEY
from store.book.check import find_problems
from store.book.database import CONFIG_DB
from store.book.history_reader import HISTORY_DB
from store.errors import SettingError, Unavailable
from store.live.live import Live
from store.live.server import objection, read_server, shown
from store.live.writers import SILENT_MS, registered
from store.settings import Settings, read_settings
from store.unknown_settings import unknown_variables


@click.command()
@click.option("--fix", is_flag=True, help="Repair what differs between Redis and the books.")
@click.option("--json", "as_json", is_flag=True, help="Say it as JSON, for programs.")
def doctor(fix: bool, as_json: bool) -> None:
    """Check settings, data folder, Redis, databases, parts, and that Redis is as the books say; exit code 1 if anything
    is bad. Works while Overdue runs."""
    sys.exit(asyncio.run(_report(fix, as_json)))


async def _report(fix: bool, as_json: bool) -> int:
    found: list[Finding] = []
    async for finding in examine(fix):
        found.append(finding)
        if not as_json:
            click.echo(finding.line())
    bad = any(one.verdict is Verdict.BAD for one in found)
    if as_json:
        click.echo(msgspec.json.encode({"ok": not bad, "findings": found}).decode())
    return int(bad)


async def examine(fix: bool = False) -> AsyncIterator[Finding]:
    """All findings, in an order in which the first bad one tends to explain the others."""
    try:
        settings = read_settings()
    except SettingError as error:
        yield Finding(Verdict.BAD, "settings", str(error))
        return
    yield _names(os.environ)
    async for finding in examine_installation(settings, fix):
        yield finding


async def examine_installation(settings: Settings, fix: bool = False) -> AsyncIterator[Finding]:
    """The same with settings that can be read."""
    yield _data_folder(settings.data)
    yield _admin_key(settings.data / ADMIN_KEY)
    config = _database(settings.data / CONFIG_DB)
    yield config
    yield _database(settings.data / HISTORY_DB)
    redis = await _redis(settings)
    yield redis
    if memory := await memory_finding(settings.redis_url or embedded_url(settings.data)):
        yield memory
    yield await _writers(settings)
    if hearing := await hearing_finding(settings.redis_url or embedded_url(settings.data), settings.shards):
        yield hearing
    yield await _parts(settings)
    if mail := await mail_finding(settings, config.verdict is Verdict.GOOD):
        yield mail
    if config.verdict is Verdict.GOOD and redis.verdict is not Verdict.BAD:
        async for finding in compare(settings, settings.redis_url or embedded_url(settings.data), fix):
            yield finding


def _names(environ: Mapping[str, str]) -> Finding:
    unknown = list(unknown_variables(environ))
    if unknown:
        return Finding(Verdict.WARNING, "settings", f"all can be read, but {', and '.join(unknown)}")
    return Finding(Verdict.GOOD, "settings", "all can be read")


def _data_folder(data: Path) -> Finding:
    if not data.is_dir():
        return Finding(Verdict.BAD, "data folder", f"{data} is not there; `overdue serve` makes it")
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        return Finding(Verdict.BAD, "data folder", f"{data} cannot be written by this user")
    return Finding(Verdict.GOOD, "data folder", str(data.resolve()))


def _admin_key(file: Path) -> Finding:
    if not file.exists():
        return Finding(Verdict.BAD, ADMIN_KEY, f"{file} is not there; `overdue serve` makes it")
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode != 0o600:
        return Finding(Verdict.BAD, ADMIN_KEY, f"others may read it (mode {mode:o}); run `chmod 600 {file}`")
    return Finding(Verdict.GOOD, ADMIN_KEY, "only its owner can read it")


def _database(file: Path) -> Finding:
    if not file.exists():
        return Finding(Verdict.BAD, file.name, "is not there; `overdue serve` makes it")
    problems = find_problems(file)
    if problems:
        return Finding(Verdict.BAD, file.name, "; ".join(problems))
    return Finding(Verdict.GOOD, file.name, f"is sound ({file.stat().st_size / 1e6:.1f} MB)")


async def _redis(settings: Settings) -> Finding:
    url = settings.redis_url or embedded_url(settings.data)
    try:
        server = await read_server(url)
    except SettingError as error:
        away = "the embedded Valkey does not answer; is `overdue serve` running?"
        return Finding(Verdict.BAD, "redis", str(error) if settings.redis_url else away)
    if sentence := objection(server):
        return Finding(Verdict.BAD, "redis", f"{server.name} {sentence}")
    if server.loading:
        return Finding(
            Verdict.WARNING, "redis", f"{server.name} is reading its data ({server.loaded_percent:.0f} %)"
        )
    if not server.appendonly:
        return Finding(
            Verdict.WARNING,
            "redis",
            f"{server.name} would lose pings in a crash: set `appendonly yes` and `appendfsync everysec` there",
        )
    return Finding(Verdict.GOOD, "redis", f"{server.name} at {shown(url)}")


async def _writers(settings: Settings) -> Finding:
    try:
        silences = await _silences(settings)
    except (Unavailable, ValueError, TypeError) as error:  # the last two: the URL cannot be used
        return Finding(Verdict.BAD, "writers", f"cannot be asked for: {error}")
    if silences is None:
        return Finding(Verdict.BAD, "writers", "Redis holds no installation; `overdue serve` sees to that")
    if not silences:
        return Finding(Verdict.BAD, "writers", "nobody listens for pings; is ingest running?")
    stuck = [slot for slot, silent_ms in silences.items() if silent_ms is None or silent_ms >= SILENT_MS]
    if stuck:
        sentence = (
            f"{' and '.join(stuck)} stuck or gone, and so no silence can be judged; end its process, or run"
        )
        return Finding(Verdict.BAD, "writers", f"{sentence} `overdue writers drop {stuck[0]}`")
    return Finding(Verdict.GOOD, "writers", f"{', '.join(silences)} listen")


async def _silences(settings: Settings) -> Mapping[str, int | None] | None:
    """For how long each writer has been silent; None if Redis holds no installation."""
    live = Live(settings.redis_url or embedded_url(settings.data), settings.shards, "")
    try:
        if not await live.follow_generation():
            return None
        return longest_silences(await registered(live.shards))
    finally:
        await live.aclose()


async def _parts(settings: Settings) -> Finding:
    address = f"http://{reachable_host(settings.host)}:{settings.port}"
    async with open_client(address) as client:
        missing = await what_is_missing(client)
    if missing:
        return Finding(Verdict.BAD, "parts", missing)
    return Finding(Verdict.GOOD, "parts", f"all are ready at {address}")
