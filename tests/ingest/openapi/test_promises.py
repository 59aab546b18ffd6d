"""Schemathesis asks the running service for everything that the document promises, and for much that it does not.

Which checks are off, and why, is written beside them in `schemathesis.toml`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from ingest.api import auth
from tests.ingest.serving import Served, serving
from tests.servers import running_server, valkey_binary

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 25
PHASES = "examples,coverage,fuzzing,stateful"


async def things(served: Served) -> dict[str, str]:
    """One of each kind that a path can name, for the configuration."""
    monitor = await served.make()
    await served.client.post(f"/ping/{monitor['key']}", json={"rows": 1})
    webhook = {"type": "webhook", "name": "nobody", "url": "http://127.0.0.1:9/"}
    channel = (await served.client.post("/api/channels", json=webhook)).json()
    rule = {"metricKey": "rows", "operator": ">", "threshold": 1, "channelId": channel["id"]}
    made = (await served.client.post(f"/api/monitors/{monitor['id']}/metric-alerts", json=rule)).json()
    nightly = {"name": "nightly", "cron": "0 2 * * *", "duration": 3600}
    window = (await served.client.post("/api/maintenance", json=nightly)).json()
    return {
        "CALLERS_KEY": served.key,
        "MONITOR": monitor["id"],
        "PING_KEY": monitor["key"],
        "CHANNEL": channel["id"],
        "RULE": made["id"],
        "WINDOW": window["id"],
    }


@pytest.mark.slow
async def test_every_reply_is_one_that_the_document_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none of them is a 5xx. The sweeper does not run, so nothing is sent to the URLs that are drawn."""
    # It tries every operation with a wrong key, which on a fast machine is more than one address may in a minute.
    monkeypatch.setattr(auth, "WRONG_KEYS_A_MINUTE", 100_000)
    with running_server(valkey_binary()) as url:
        said, code = await asked(url, tmp_path)

    assert code == 0, said[-20_000:]


async def asked(url: str, folder: Path) -> tuple[str, int | None]:
    """What Schemathesis said, and its exit code."""
    async with serving(folder / "data", url) as served:
        asking = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run"),
            *("--phases", PHASES, "--max-examples", str(EXAMPLES), "--no-color"),
            f"http://127.0.0.1:{served.port}/openapi.json",
            cwd=folder,
            env=os.environ | await things(served),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asking.communicate()
    return said.decode(), asking.returncode
