"""The two memories of ping keys: what was found is kept within a bound, what was not is forgotten in a moment."""

from __future__ import annotations

from ingest.keyring import UNKNOWN_LIFE_MS, Keyring, KnownKey, known_key
from store.live.monitors import Resolved
from store.live.packing import KnownConfig


def known(monitor_id: int = 1) -> KnownKey:
    return known_key(Resolved(monitor_id, 0, KnownConfig(version=3, key_epoch=2, name="Nightly")))


def test_a_found_key_says_all_that_a_batch_needs() -> None:
    one = known(17)
    assert (one.monitor_id, one.wire_id, one.shard) == (17, b"17", 0)
    assert (one.version, one.key_epoch, one.name) == (3, 2, "Nightly")


def test_a_found_key_is_known_until_it_is_forgotten() -> None:
    keyring, one = Keyring(), known()
    assert keyring.find("a") is None
    keyring.learn("a", one)
    assert keyring.find("a") is one
    keyring.forget("a")
    keyring.forget("a")
    assert keyring.find("a") is None


def test_when_the_memory_is_full_the_oldest_goes() -> None:
    keyring = Keyring(most_known=2)
    for key in ("a", "b", "c"):
        keyring.learn(key, known())
    assert [keyring.find(key) is not None for key in ("a", "b", "c")] == [False, True, True]


def test_a_large_memory_drops_a_small_part_of_it_at_once() -> None:
    keyring = Keyring(most_known=1280)
    for number in range(1281):
        keyring.learn(str(number), known())
    kept = [keyring.find(str(number)) is not None for number in range(1281)]
    assert kept == [False] * 20 + [True] * 1261


def test_learning_a_known_key_again_costs_no_other_its_place() -> None:
    keyring, again = Keyring(most_known=2), known()
    for key in ("a", "b"):
        keyring.learn(key, known())
    keyring.learn("b", again)
    assert keyring.find("a") is not None
    assert keyring.find("b") is again


def test_an_unknown_key_is_remembered_for_two_seconds() -> None:
    keyring = Keyring()
    keyring.note_unknown("a", 1000)
    assert keyring.is_unknown("a", 1000 + UNKNOWN_LIFE_MS - 1)
    assert not keyring.is_unknown("a", 1000 + UNKNOWN_LIFE_MS)
    assert not keyring.is_unknown("b", 1000)


def test_a_key_that_was_found_after_all_is_not_unknown() -> None:
    keyring = Keyring()
    keyring.note_unknown("a", 1000)
    keyring.learn("a", known())
    assert not keyring.is_unknown("a", 1001)


def test_a_scan_fills_a_bounded_memory() -> None:
    keyring = Keyring(most_unknown=3)
    for number in range(10):
        keyring.note_unknown(f"key-{number}", 1000)
    remembered = [number for number in range(10) if keyring.is_unknown(f"key-{number}", 1001)]
    assert remembered == [7, 8, 9]
