"""What every test may use: a real server, and a live side whose clock the test owns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from tests.servers import debian_redis_binary, running_server, valkey_binary
from tests.stage import Stage

# Few tests that take long: begun first, so that nobody waits for them at the end.
LONGEST = ("tests/browser/", "tests/system/", "tests/store/live/test_model.py")
IN_ONE_BROWSER = "tests/browser/"
SERVERS = ["valkey", pytest.param("redis-server", marks=pytest.mark.slow)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    places = (place for place, start in enumerate(LONGEST) if item.nodeid.startswith(start))
    return next(places, len(LONGEST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file at a time to each worker, but all that share a browser and its house to the same one."""
    scheduling = LoadFileScheduling(config, log)
    scheduling._split_scope = _shared
    return scheduling


def _shared(nodeid: str) -> str:
    return IN_ONE_BROWSER if nodeid.startswith(IN_ONE_BROWSER) else nodeid.split("::", 1)[0]


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
