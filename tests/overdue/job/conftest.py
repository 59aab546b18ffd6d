"""Somebody who hears pings, for the tests of `overdue run`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.overdue.job.ping_receiver import PingReceiver, hearing


@pytest.fixture
def receiver() -> Iterator[PingReceiver]:
    with hearing() as receiver:
        yield receiver
