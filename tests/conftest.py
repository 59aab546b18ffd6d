"""What every test may use: a real server, and a live side whose clock the test owns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.servers import debian_redis_binary, running_server, valkey_binary
from tests.stage import Stage

# Few tests that take long: begun first, so that nobody waits for them at the end.
LONGEST = ("tests/system/", "tests/browser/", "tests/store/live/test_model.py")
SERVERS = ["valkey", pytest.param("redis-server", marks=pytest.mark.slow)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session", params=SERVERS)
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A running server; `make test-all` repeats every test that asks for it on Debian's redis-server."""
    binary = valkey_binary() if request.param == "valkey" else debian_redis_binary()
    if binary is None:
        pytest.skip("redis-server is not installed (Debian's package redis-server)")
    with running_server(binary) as url:
        yield url


@pytest.fixture
async def stage(redis_url: str) -> AsyncIterator[Stage]:
    """An empty live side with one shard, one registered writer and a clock of the test's own."""
    stage = Stage(redis_url)
    await stage.open()
    yield stage
    await stage.close()
