"""Every script opens with its contract, is called by one function, and gets the keys that its contract names."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from store.last_ping import NOTHING
from store.live import scripts
from store.live.arrival import ArrivalClock
from store.live.channel_event import ChannelTold, TrialEvent
from store.live.channels import put_channels, restore_channels, restore_named
from store.live.connect import Caller
from store.live.dead_letters import find_lost, forget_dead, retry_letter
from store.live.delivering import Lease, deliver, lease, raise_events, renew, settle
from store.live.forgotten import tell_forgotten
from store.live.inspecting import inspect
from store.live.keys import Keyspace
from store.live.link import Link
from store.live.live import Live, Tallies
from store.live.mending import count_statuses, drop_strangers, log_again, mend_causes
from store.live.monitors import (
    drop_monitor,
    look,
    put_monitor,
    put_plan,
    resolve,
    restore_plan,
)
from store.live.noting import note_last_pings
from store.live.planting import Restored, create_monitors, restore_monitors
from store.live.refreshing import note_kept_change, refresh_rules
from store.live.restoring import restore_deliveries, restore_events
from store.live.saying import say_alive
from store.live.shard import Generation, Shard
from store.live.streams import trim_events, trim_pings
from store.live.sweeping import sweep
from store.live.telling import tag_collection, try_channel
from store.live.using import count_use
from store.live.writer import Writer
from store.live.writers import drop_writer, registered
from store.monitor_rules import MonitorRules
from store.projection import DropMonitor, PutChannels, PutMonitor, PutPlan
from store.silence import Silence
from tests.stage import config_of, digest_of

FOLDER = Path(scripts.__file__).parent
COUNTED = re.compile(r"'HINCRBY', (?:K_TALLIES|tallies_key|KEYS\[\d+\]), '(\w+)'")
CONTRACT = ("KEYS", "ARGV", "Returns", "Errors", "Cost")
KEYS = Keyspace(3)
DIGEST = digest_of(1)
BUCKET = KEYS.key_bucket(DIGEST)
ONE = Lease("1-1:7", 1, None, None)


TRIAL = TrialEvent(
    at_ms=1, org_id=1, delivery_id=UUID(int=1), channel_id=7, told=ChannelTold("a", "b", "webhook")
)


class Called(Exception):
    """A script was about to be called."""


class Spy:
    """Stands where a Caller or a Link would, and notes what it is asked for."""

    def __init__(self) -> None:
        self.name = ""
        self.keys: Sequence[str] = ()
        self.arguments: Sequence[Any] = ()

    async def call(self, name: str, keys: Sequence[str], arguments: Sequence[Any], _: int = 0) -> Any:
        self.name, self.keys, self.arguments = name, keys, arguments
        raise Called


REBUILDING = {
    "restore_channels",
    "restore_deliveries",
    "restore_events",
    "restore_monitors",
    "restore_named",
    "restore_plan",
}
Use = Callable[[Shard, Writer], Awaitable[object]]
CALLERS: dict[str, Use] = {
    "change_monitor": lambda shard, _: put_monitor(shard, PutMonitor(config_of(1, version=2), (DIGEST,))),
    "count_statuses": lambda shard, _: count_statuses(shard),
    "count_use": lambda shard, _: count_use(shard, "who", 1),
    "create_monitor": lambda shard, _: put_monitor(shard, PutMonitor(config_of(1), (DIGEST,))),
    "create_monitors": lambda shard, _: create_monitors(shard, [PutMonitor(config_of(1), (DIGEST,))]),
    "deliver": lambda shard, _: deliver(shard, 1),
    "deregister": lambda _, writer: writer.deregister(),
    "drop_monitor": lambda shard, _: drop_monitor(shard, DropMonitor(1, 2, (DIGEST,))),
    "find_lost": lambda shard, _: find_lost(shard, ["1-1:7"]),
    "forget_dead": lambda shard, _: forget_dead(shard, 1, 1),
    "drop_strangers": lambda shard, _: drop_strangers(shard, [1], [7]),
    "drop_writer": lambda shard, _: drop_writer(shard, "main-1"),
    "inspect": lambda shard, _: inspect(shard, [1]),
    "lease": lambda shard, _: lease(shard, 1, 1, ()),
    "list_writers": lambda shard, _: registered([shard]),
    "log_again": lambda shard, _: log_again(shard, ["1-1:7"]),
    "look": lambda shard, _: look(shard, [1]),
    "mend_causes": lambda shard, _: mend_causes(shard, []),
    "note_kept": lambda shard, _: note_kept_change(live_of(shard), 1),
    "note_last_ping": lambda shard, _: note_last_pings(shard, [(ONE, NOTHING)]),
    "put_channels": lambda shard, _: put_channels(shard, PutChannels(1, 1, ())),
    "put_plan": lambda shard, _: put_plan(shard, PutPlan(1, 1, 0, 0)),
    "raise_event": lambda shard, _: raise_events(shard, 0, []),
    "record": lambda _, writer: writer.record([], b"", b"", 0),
    "refresh_rules": lambda shard, _: refresh_rules(shard, [(1, 1, MonitorRules(failures=2))]),
    "register": lambda _, writer: writer.register(),
    "renew": lambda shard, _: renew(shard, 1, [ONE]),
    "resolve": lambda shard, _: resolve(shard, [DIGEST]),
    "restore_channels": lambda shard, _: restore_channels(shard, PutChannels(1, 1, ())),
    "restore_deliveries": lambda shard, _: restore_deliveries(shard, []),
    "restore_events": lambda shard, _: restore_events(shard, []),
    "restore_monitors": lambda shard, _: restore_monitors(shard, [Restored(config_of(1), (DIGEST,), None)]),
    "restore_named": lambda shard, _: restore_named(shard, []),
    "restore_plan": lambda shard, _: restore_plan(shard, PutPlan(1, 1, 0, 0)),
    "retry_letter": lambda shard, _: retry_letter(shard, "1-1:7"),
    "say_alive": lambda shard, _: say_alive(shard, "sweeper"),
    "settle": lambda shard, _: settle(shard, ONE, "done"),
    "sweep": lambda shard, _: sweep(shard, 1),
    "tag_collection": lambda shard, _: tag_collection(shard, ONE, []),
    "tell_forgotten": lambda shard, _: tell_forgotten(shard, "0-0", [Silence(1, "a", 1, 2, 0)]),
    "trim": lambda shard, _: trim_events(shard, "0-0"),
    "try_channel": lambda shard, _: try_channel(shard, TRIAL),
}


def live_of(shard: Shard) -> Live:
    """A live side of this shard alone."""
    return Live("unix:///nowhere", 1, "g").with_shards([shard])


def head_of(name: str) -> list[str]:
    """The comment lines that a script opens with, after the shebang."""
    lines = (FOLDER / f"{name}.lua").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#!lua")
    return list(takewhile(lambda line: line.startswith("--") and not line.startswith("--@"), lines[1:]))


def key_of(word: str) -> str:
    """The key that a contract calls so."""
    key: str = KEYS.part("sweeper") if word == "part" else getattr(KEYS, word)
    return key


async def asked_for(use: Use) -> Spy:
    """What a caller asks for."""
    spy, generation = Spy(), Generation("g")
    shard = Shard(cast(Caller, spy), KEYS, generation)
    writer = Writer(cast(Link, spy), KEYS, generation, "main-0", ArrivalClock())
    with pytest.raises(Called):
        await use(shard, writer)
    return spy


@pytest.mark.parametrize("name", scripts.names())
def test_a_script_opens_with_its_purpose_and_its_contract_in_order(name: str) -> None:
    head = head_of(name)
    assert re.match(rf"-- {name}: [a-z].*\.$", head[0])
    opened = [line.split()[1] for line in head if re.match(r"-- [A-Z]\w+  ", line)]
    assert [word for word in opened if word in CONTRACT] == list(CONTRACT)


@pytest.mark.parametrize("name", scripts.names())
def test_only_the_creation_of_monitors_and_rebuilding_may_be_refused_for_want_of_memory(name: str) -> None:
    shebang = scripts.assemble(name).source.splitlines()[0]
    refused = name in {"create_monitor", "create_monitors", *REBUILDING}
    assert shebang in (["#!lua"] if refused else ["#!lua flags=allow-oom", "#!lua flags=no-writes"])


@pytest.mark.parametrize("name", scripts.names())
def test_a_script_checks_the_generation_unless_it_helps_to_rebuild(name: str) -> None:
    lines = (FOLDER / f"{name}.lua").read_text(encoding="utf-8").splitlines()
    assert ("--@include generation" in lines) == (name not in REBUILDING)


def test_each_script_has_a_caller_and_each_caller_a_script() -> None:
    assert sorted(CALLERS) == scripts.names()


@pytest.mark.parametrize("name", CALLERS)
async def test_a_script_gets_the_keys_that_its_contract_names_in_that_order(name: str) -> None:
    spy = await asked_for(CALLERS[name])
    line = next(line for line in head_of(name) if line.startswith("-- KEYS"))
    named, _, rest = line.removeprefix("-- KEYS").partition(", then the bucket")
    words = re.findall(r"[a-z]+", re.sub(r"\(.*\)", "", named).replace("stream", "events"))
    assert spy.name == name
    assert list(spy.keys) == [key_of(word) for word in words] + ([BUCKET] if rest else [])


def test_whatever_a_script_counts_can_be_read() -> None:
    found = {one for name in scripts.names() for one in COUNTED.findall(scripts.assemble(name).source)}
    assert found >= {"steps_back", "blind_ms", "dead_dropped", "history_dropped"}
    assert found <= set(Tallies.__struct_fields__)


async def test_trimming_pings_leaves_out_the_key_that_is_only_for_events() -> None:
    spy = await asked_for(lambda shard, _: trim_pings(shard, "0-0", 0))
    assert list(spy.keys) == [KEYS.generation, KEYS.pings, KEYS.tallies]
