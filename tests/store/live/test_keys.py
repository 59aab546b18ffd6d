"""All keys of a shard lie in one slot of a cluster, and each is spelled once."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from store.live.key_table import TABLE
from store.live.keys import Keyspace, shard_of

PROPERTIES = [name for name, value in vars(Keyspace).items() if isinstance(value, property)]
DIGEST = bytes.fromhex("00112233445566778899aabbccddeeff")


def all_keys(keys: Keyspace) -> dict[str, str]:
    """Every key by the name that the table has for it."""
    named: dict[str, str] = {name: getattr(keys, name) for name in PROPERTIES}
    return {**named, "keys:<bucket>": keys.key_bucket(DIGEST), "part:<name>": keys.part("ingest")}


def hash_tag(key: str) -> str:
    """What a cluster hashes of a key."""
    found = re.search(r"\{([^}]+)\}", key)
    return found[1] if found else key


@pytest.mark.parametrize("shard", [0, 3, 255])
def test_all_keys_of_a_shard_share_its_hash_tag(shard: int) -> None:
    assert {hash_tag(key) for key in all_keys(Keyspace(shard)).values()} == {str(shard)}


def test_no_two_keys_have_the_same_spelling() -> None:
    spelled = list(all_keys(Keyspace(3)).values())
    assert len(set(spelled)) == len(spelled)
    assert not set(spelled) & set(all_keys(Keyspace(4)).values())


def test_the_table_for_the_documentation_names_every_key_and_no_other() -> None:
    assert sorted(row.name for row in TABLE) == sorted(all_keys(Keyspace(0)))


def test_keys_are_spelled_as_their_name() -> None:
    assert {name: getattr(Keyspace(3), name) for name in PROPERTIES} == {
        name: f"od:{{3}}:{name}" for name in PROPERTIES
    }


def test_digests_are_spread_over_all_buckets_and_stay_in_theirs() -> None:
    keys = Keyspace(0)
    buckets = [keys.key_bucket(sha256(str(number).encode()).digest()[:16]) for number in range(20_000)]
    numbers = {int(bucket.rsplit(":", 1)[1]) for bucket in buckets}
    assert min(numbers) >= 0 and max(numbers) < 2**14
    assert len(numbers) > 10_000
    assert keys.key_bucket(DIGEST[:2] + bytes(14)) == keys.key_bucket(DIGEST)


def test_a_monitor_lives_in_one_shard_by_its_number() -> None:
    assert [shard_of(number, 3) for number in range(1, 7)] == [1, 2, 0, 1, 2, 0]
