"""Unknown ping keys are slowed by sender, and no living worker pays for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest import intake, resolver
from ingest.senders import Strangers, network_of
from store.live.monitors import Resolved, resolve
from store.live.shard import Shard
from tests.ingest.serving import Served, serving
from tests.stage import Stage

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("sender", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("a unix socket", "a unix socket"),
    ],
)
def test_an_ipv6_sender_is_known_by_its_network(sender: str, network: str) -> None:
    assert network_of(sender) == network


def test_so_many_unknown_keys_are_free_and_then_there_is_a_wait_until_the_next_minute() -> None:
    strangers = Strangers(most_unknown=3)

    assert [strangers.note("a", 1_500) for _ in range(5)] == [0, 0, 0, 59, 59]
    assert strangers.note("a", MINUTE_MS - 1) == 1
    assert strangers.note("b", 2_000) == 0
    assert strangers.note("a", MINUTE_MS) == 0


def test_a_sender_has_enough_when_the_next_unknown_key_would_be_one_too_many() -> None:
    strangers = Strangers(most_unknown=2)
    assert not strangers.has_enough("2001:db8::1", 0)
    strangers.note("2001:db8::1", 0)
    assert not strangers.has_enough("2001:db8::1", 0)
    strangers.note("2001:db8::2", 0)

    assert strangers.has_enough("2001:db8::3", 0)
    assert not strangers.has_enough("2001:db8:0:1::", 0)
    assert not strangers.has_enough("2001:db8::1", MINUTE_MS)


def test_senders_are_remembered_up_to_a_number_and_the_first_ones_stay_limited() -> None:
    strangers = Strangers(most_unknown=1, most_senders=2)
    for sender in ("a", "b", "c", "c"):
        assert strangers.note(sender, 0) == 0

    assert strangers.note("a", 0) == 60
    assert not strangers.has_enough("c", 0)


@pytest.fixture
async def served(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """Ingest five seconds into a minute that does not end; 40 pings may wait on the slow way."""
    monkeypatch.setattr(intake, "SLOW_WAITING", 40)
    monkeypatch.setattr(intake, "monotonic_ms", lambda: 5_000)
    await stage.redis.flushall()
    async with serving(tmp_path, stage.live.url) as served:
        yield served


async def scan(served: Served, pings: int, first: int = 0) -> list[int]:
    """Ping with unknown keys, all different; the statuses of the replies."""
    replies = [await served.client.get(f"/ping/unknown-key-{first + number}") for number in range(pings)]
    return [reply.status_code for reply in replies]


async def test_the_hundred_and_first_unknown_key_of_a_minute_is_told_to_wait(served: Served) -> None:
    assert await scan(served, 100) == [404] * 100

    for door in ("/ping/", "/api/v1/heartbeat/"):
        reply = await served.client.get(f"{door}unknown-key-{door.strip('/').replace('/', '-')}")
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "55")
        assert reply.json() == {
            "error": "Too many unknown ping keys were tried from this address; wait before trying another.",
            "retryAfter": 55,
        }


async def test_other_senders_are_answered_as_ever(served: Served) -> None:
    await scan(served, 101)

    reply = await served.client.get("/ping/unknown-key-x", headers={"x-forwarded-for": "203.0.113.9"})

    assert reply.status_code == 404


async def test_the_workers_of_a_sender_who_scans_go_on_pinging(served: Served) -> None:
    remembered, fresh = await served.make(), await served.make()
    assert (await served.client.get(f"/ping/{remembered['key']}")).status_code == 200
    await scan(served, 101)

    replies = await asyncio.gather(
        *(served.client.get(f"/ping/{key}") for key in (remembered["key"], fresh["key"], "unknown-key-x")),
    )

    assert [reply.status_code for reply in replies] == [200, 200, 429]


async def test_a_scan_costs_redis_few_calls_and_blinds_nobody(
    served: Served, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = (await served.make())["key"]
    await scan(served, 100)
    holes = await stage.holes()
    calls: list[int] = []

    async def counted(shard: Shard, digests: list[bytes]) -> list[Resolved | None]:
        calls.append(len(digests))
        return await resolve(shard, digests)

    monkeypatch.setattr(resolver, "resolve", counted)
    replies = await asyncio.gather(
        *(served.client.get(f"/ping/unknown-key-{number}") for number in range(1000, 1060))
    )

    assert {reply.status_code for reply in replies} == {429}
    assert len(calls) <= 2
    assert sum(calls) <= 60
    assert (await served.client.get(f"/ping/{known}")).status_code == 200
    assert await stage.holes() == holes
