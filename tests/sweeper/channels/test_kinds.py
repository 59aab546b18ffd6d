"""The table of kinds of channel."""

from __future__ import annotations

from pathlib import Path

from store.settings import read_settings
from sweeper.channels import open_channels
from tests.sweeper.channels.conftest import NOTICE, settings
from tests.sweeper.channels.receivers import answering, receiving


async def test_the_webhook_of_the_table_reaches_the_private_targets_of_the_settings(tmp_path: Path) -> None:
    environ = {"OVERDUE_PRIVATE_TARGETS": "127.0.0.2/32"}
    channels = open_channels(read_settings(environ, tmp_path / "none.toml"))
    async with receiving(answering(200), host="127.0.0.2") as allowed, receiving(answering(200)) as other:
        outcomes = [
            (await channels["webhook"].send(settings(receiver.url()), NOTICE)).outcome
            for receiver in (allowed, other)
        ]
    for channel in channels.values():
        await channel.aclose()

    assert outcomes == ["delivered", "retry"]
    assert other.connections == 0
