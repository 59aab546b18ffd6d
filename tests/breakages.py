"""Deliberate breakages of the product, each with a test that has to notice it. A test that cannot fail proves nothing.

Those of the scripts that judge pings and silences are in `tests/store/live/test_model_catches_breakages.py`.
"""

from __future__ import annotations

from tests.breakage import Breakage
from tests.channel_breakages import CHANNEL_BREAKAGES
from tests.deafness_breakages import DEAFNESS_BREAKAGES
from tests.hearing_breakages import HEARING_BREAKAGES
from tests.loss_breakages import LOSS_BREAKAGES
from tests.rebuild_breakages import REBUILD_BREAKAGES
from tests.recorder_breakages import RECORDER_BREAKAGES
from tests.settling_breakages import SETTLING_BREAKAGES
from tests.signal_breakages import SIGNAL_BREAKAGES
from tests.sweeper_breakages import SWEEPER_BREAKAGES
from tests.tenant_breakages import TENANT_BREAKAGES
from tests.turn_breakages import TURN_BREAKAGES

SCRIPTS = "store/live/scripts"
LIVE, SWEEPER, BOOK = "tests/store/live", "tests/sweeper", "tests/store/recorder"


BREAKAGES: dict[str, Breakage] = (
    {
        "the generation is not checked": Breakage(
            f"{SCRIPTS}/shared/generation.lua",
            "if redis.call('GET', KEYS[1]) ~= ARGV[1] then",
            "if false then",
            f"{LIVE}/test_record_and_sweep.py::test_an_empty_redis_refuses_everything_before_any_write",
        ),
        "the reader of the streams believes any installation": Breakage(
            "store/live/streams.py",
            "if generation is None or generation.decode() != expected:",
            "if generation is None:",
            f"{LIVE}/test_streams.py::test_a_reader_of_another_installation_reads_nothing",
        ),
        "the sweep writes a state without its event": Breakage(
            f"{SCRIPTS}/sweep.lua",
            "for i = 1, #events do redis.call('XADD', K_EVENTS, '*', 'e', events[i]) end",
            "",
            f"{LIVE}/test_record_and_sweep.py::test_a_silence_is_one_down_and_the_next_ping_one_up_of_the_same_incident",
        ),
        "a ping ends a down without its event": Breakage(
            f"{SCRIPTS}/record.lua",
            "for i = 1, #events do redis.call('XADD', K_EVENTS, '*', 'e', events[i]) end",
            "",
            f"{LIVE}/test_record_and_sweep.py::test_a_late_ping_writes_the_miss_that_no_sweep_has_seen",
        ),
        "a pause closes an incident without its event": Breakage(
            f"{SCRIPTS}/shared/watch.lua",
            "redis.call('XADD', events_key",
            "local _ = (events_key",
            f"{LIVE}/test_record_and_sweep.py::test_pausing_a_down_monitor_closes_its_incident",
        ),
        "the newest of those who wait for their key holds the watermark": Breakage(
            "ingest/resolver.py",
            "return min(ping.arrival_ms for pings",
            "return max(ping.arrival_ms for pings",
            "tests/ingest/test_batcher.py::test_the_watermark_never_passes_a_ping_that_waits_for_its_key",
        ),
        "an event is acknowledged before it is delivered": Breakage(
            f"{SCRIPTS}/deliver.lua",
            "  last = entry\nend",
            "  last = redis.call('XREVRANGE', K_EVENTS, '+', '-', 'COUNT', 1)[1][1]\nend",
            f"{LIVE}/test_deliver_and_lease.py::test_a_limit_leaves_the_later_events_for_the_next_step",
        ),
        "a delivery is settled before it is attempted": Breakage(
            "sweeper/dispatch.py",
            "        attempt = await self._channels[one.channel.kind].send(one.channel.settings, notice)",
            "        await settle(self._shard, one, 'done')\n"
            "        attempt = await self._channels[one.channel.kind].send(one.channel.settings, notice)",
            f"{SWEEPER}/test_dispatch.py::test_an_attempt_that_a_crash_cut_off_is_made_again_when_its_lease_has_ended",
        ),
        "an up does not wait for its down": Breakage(
            f"{SCRIPTS}/deliver.lua",
            "    if not stood[i] then",
            "    if true then",
            f"{SWEEPER}/test_dispatch.py::test_an_up_never_overtakes_its_down",
        ),
        "the ups of collected downs do not wait for these": Breakage(
            f"{SCRIPTS}/deliver.lua",
            "collect(KIND_UPS, entry, channel, event, window, 0)",
            "collect(KIND_UPS, entry, channel, event, window, 1)",
            f"{SWEEPER}/test_collecting.py::test_ups_of_collected_downs_are_collected_and_come_after_them",
        ),
        "an up is collected though its down still waits": Breakage(
            f"{SCRIPTS}/deliver.lua",
            "if is_standing(line) or redis.call('HEXISTS', YARD.buried, line) == 1 then",
            "if false then",
            f"{SWEEPER}/test_collecting.py::test_an_up_whose_down_still_waits_is_not_collected_before_it",
        ),
        "what is collected is not written down": Breakage(
            f"{SCRIPTS}/deliver.lua",
            "  if one.has_grown then",
            "  if false then",
            f"{SWEEPER}/test_collecting.py::test_a_crash_between_collecting_and_sending_loses_nothing",
        ),
        "what was attempted goes on growing": Breakage(
            f"{SCRIPTS}/lease.lua",
            "event = with_flag(event, SEALED)",
            "event = event",
            f"{SWEEPER}/test_collecting.py::test_what_was_attempted_grows_no_more_and_says_the_same_again",
        ),
        "what was collected does not survive an empty Redis": Breakage(
            "store/book/letter_writer.py",
            "        if row is not None:\n            event = growth",
            "        if row is None:\n            event = growth",
            f"{SWEEPER}/test_dispatch_after_a_loss.py"
            "::test_what_was_collected_before_redis_was_flushed_is_told_after_it_with_all_that_it_holds",
        ),
        "a channel of somebody else is told": Breakage(
            f"{SCRIPTS}/deliver.lua",
            "    local found = chosen(channels_of_org(org), function(one) return named[one.id] end)\n",
            "    local found = {}\n    for id in pairs(named) do\n"
            "      found[1] = {id = id, manners = USUAL_MANNERS, name = string.format('%.0f', id)}\n    end\n",
            f"{SWEEPER}/test_whom_to_tell.py::test_a_channel_of_somebody_else_is_never_told",
        ),
        "every dead letter is told to the other channels": Breakage(
            f"{SCRIPTS}/settle.lua",
            "if of_epoch == epoch and not is_worse and (is_over ~= 1 or now - told_ms < TOLD_AGAIN_MS)",
            "if false",
            f"{SWEEPER}/test_failing.py::test_an_outage_is_told_once_and_the_next_one_again_but_not_within_the_hour",
        ),
        "people are reminded one by one of what they heard among many": Breakage(
            f"{SCRIPTS}/deliver.lua",
            "    if marks[channel.id] or is_standing(",
            "    if is_standing(",
            f"{SWEEPER}/test_reminding.py::test_people_are_not_reminded_one_by_one_of_what_they_heard_among_many",
        ),
        "an attempt says other things than the one before": Breakage(
            f"{SCRIPTS}/note_last_ping.lua",
            "not is_noted(event) then",
            "true then",
            f"{SWEEPER}/test_last_pings.py::test_what_was_noted_survives_an_empty_redis",
        ),
        "a reminder ends its incident": Breakage(
            "store/recorder/rows.py",
            " or event.kind == EventKind.REMINDER:",
            ":",
            f"{BOOK}/test_incident_kinds.py::test_each_cause_is_a_kind_of_its_own_and_downtime",
        ),
        "a down and its up have one webhook-id": Breakage(
            "store/messages/message.py",
            "uuid5(event.incident_id, name)",
            'uuid5(event.incident_id, "event")',
            "tests/store/messages/test_message.py::test_down_and_up_of_an_incident_have_ids_of_their_own_without_a_dot",
        ),
        "an incident has another id whenever it is noticed": Breakage(
            "store/live/packing.py",
            'uuid5(INCIDENT_NAMESPACE, f"{self.public_id}:{self.silence_ms}")',
            'uuid5(INCIDENT_NAMESPACE, f"{self.public_id}:{self.at_ms}")',
            "tests/store/messages/test_message.py::test_an_incident_is_told_with_the_same_id_when_it_is_noticed_twice",
        ),
        "the streams are trimmed past the commit": Breakage(
            "store/recorder/recorder.py",
            "        await self._write(pings, events, letters)\n",
            "        await trim_pings(self._shard, pings[-1].id if pings else '0-0', 1)\n"
            "        await self._write(pings, events, letters)\n",
            f"{BOOK}/test_recorder.py::test_a_crash_before_the_commit_loses_nothing",
        ),
        "events are trimmed before they are turned into deliveries": Breakage(
            f"{SCRIPTS}/trim.lua",
            "if other_ms < ms or (other_ms == ms and other_seq < seq) then ms, seq = other_ms, other_seq end",
            "",
            f"{LIVE}/test_streams.py::test_events_stay_until_they_were_recorded_and_turned_into_deliveries",
        ),
        "the position is not committed with its rows": Breakage(
            "store/recorder/ledger.py",
            "                self.history.set_position(batch.generation, batch.shard, stream, position)\n",
            "                pass\n",
            f"{BOOK}/test_recorder.py::test_a_crash_between_the_commit_and_the_trim_writes_nothing_twice",
        ),
        "a batch is sent once, whatever becomes of its reply": Breakage(
            "store/live/link.py",
            "if monotonic_ms() + pause_s * 1000 >= until_ms:",
            "if True:",
            f"{LIVE}/test_link.py::test_a_batch_whose_reply_was_lost_is_sent_again_and_applied_once",
        ),
        "the watermark passes pings that still wait": Breakage(
            "ingest/batcher.py",
            "return (earliest if unresolved is None else min(earliest, unresolved)) - 1",
            "return self._writer.clock.now_ms()",
            "tests/ingest/test_batcher.py::test_the_watermark_never_passes_a_ping_that_waits_for_its_key",
        ),
        "a refused ping leaves no trace": Breakage(
            "store/live/writer.py",
            "        self._sequence += 1\n        if not self._heard_ms and",
            "        return\n        if not self._heard_ms and",
            "tests/ingest/test_batcher.py::test_a_full_queue_refuses_at_once_and_the_moment_counts_as_blind",
        ),
        "a change that was left behind is forgotten": Breakage(
            "store/keeping.py",
            "            await live.project(row.projection)\n",
            "            pass\n",
            "tests/store/test_keeping.py::test_what_was_left_behind_is_carried_at_the_start_however_young",
        ),
        "a change leaves the outbox as soon as it was carried": Breakage(
            "store/keeping.py",
            "            if row.created_ms <= youngest_ms:\n",
            "            if True:\n",
            "tests/store/test_keeping.py::test_what_redis_has_lost_with_its_last_moments_is_carried_again",
        ),
        "an import leaves the outbox as soon as it was carried": Breakage(
            "overdue/import_monitors.py",
            "            await carrier.carry(batch.changes)\n",
            "            await carrier.carry(batch.changes)\n"
            "            async with book.write() as tx:\n"
            "                await tx.execute('DELETE FROM outbox')\n",
            "tests/overdue/test_import.py"
            "::test_what_redis_has_lost_of_an_import_with_its_last_moments_is_watched_all_the_same",
        ),
        "the doctor takes what changes for a wrong count": Breakage(
            "overdue/health/statuses.py",
            "if _difference(before[one]) == _difference(self._found[one]) != 0}",
            "if _difference(self._found[one]) != 0}",
            "tests/overdue/test_health.py::test_a_count_that_differs_otherwise_at_the_second_look_was_only_changing",
        ),
        "the doctor compares a log that was not read to its end": Breakage(
            "overdue/health/log.py",
            "        for _ in range(LOOKS):\n",
            "        return True\n        for _ in range(LOOKS):\n",
            "tests/overdue/test_health.py::test_while_the_recorder_is_behind_the_log_is_not_compared",
        ),
        "the doctor does not look into the log": Breakage(
            "overdue/health/log.py",
            "left = [one for one in ids if one not in logged]",
            "left: list[str] = []",
            "tests/overdue/test_health.py"
            "::test_what_is_wrong_is_found_with_an_example_and_repaired[valkey-a dead letter that the log lost]",
        ),
        "addresses are not checked": Breakage(
            "sweeper/channels/guard.py",
            "if not all(is_allowed(address, self._private_targets) for address in addresses):",
            "if False:",
            f"{SWEEPER}/channels/test_guard.py::test_an_internal_listener_accepts_nothing_by_any_name",
        ),
        "the address that is connected to is resolved again": Breakage(
            "sweeper/channels/guard.py",
            "await self._network.connect_tcp(str(addresses[-1]), port, None,",
            "await self._network.connect_tcp(host, port, None,",
            f"{SWEEPER}/channels/test_guard.py::test_a_public_name_is_connected_to_by_the_addresses_that_were_checked",
        ),
        "the signature leaves the body out": Breakage(
            "sweeper/channels/signature.py",
            'b".".join((event_id.encode(), str(timestamp_s).encode(), body))',
            'b".".join((event_id.encode(), str(timestamp_s).encode()))',
            f"{SWEEPER}/channels/test_signature.py",
        ),
        "what Redis has forgotten never ends": Breakage(
            f"{SCRIPTS}/tell_forgotten.lua",
            "elseif one and has_succeeded(one, silence, started, cause) then",
            "elseif false then",
            f"{BOOK}/test_forgotten.py::test_whoever_pings_before_it_is_missed_again_is_told_to_be_back",
        ),
        "what the recorder has not read yet is taken for forgotten": Breakage(
            f"{SCRIPTS}/tell_forgotten.lua",
            "if is_on_its_way[tonumber(id)] then",
            "if false then",
            f"{BOOK}/test_forgotten.py::test_nothing_is_ended_that_the_recorder_has_not_read_to_its_end",
        ),
        "the doctor looks once": Breakage(
            "overdue/health/checking.py",
            "    return await check.look_again(first)",
            "    return first",
            "tests/overdue/test_health.py::test_what_is_on_its_way_is_no_finding",
        ),
        "the doctor knows of no blind time": Breakage(
            f"{SCRIPTS}/inspect.lua",
            "local holes = read_holes(redis.call('GET', K_BLIND))",
            "local holes = {}",
            "tests/overdue/test_health.py::test_a_deadline_that_does_not_know_of_a_hole_yet_is_in_order",
        ),
    }
    | CHANNEL_BREAKAGES
    | LOSS_BREAKAGES
    | TENANT_BREAKAGES
    | SIGNAL_BREAKAGES
    | SETTLING_BREAKAGES
    | DEAFNESS_BREAKAGES
    | HEARING_BREAKAGES
    | SWEEPER_BREAKAGES
    | RECORDER_BREAKAGES
    | REBUILD_BREAKAGES
    | TURN_BREAKAGES
)
