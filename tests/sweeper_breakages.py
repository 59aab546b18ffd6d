"""Deliberate breakages of sweeping and telling: several sweepers, leases, disabled channels, and who hears of what."""

from __future__ import annotations

from tests.breakage import Breakage

_SCRIPTS = "store/live/scripts/"
_LIVE, _SWEEPER = "tests/store/live", "tests/sweeper"

SWEEPER_BREAKAGES: dict[str, Breakage] = {
    "each of several sweepers turns the last event into deliveries": Breakage(
        _SCRIPTS + "deliver.lua",
        "last and '(' .. last or '-'",
        "last or '-'",
        f"{_LIVE}/test_deliver_and_lease.py::test_several_sweepers_at_once_share_the_events",
    ),
    "what one sweeper has leased is due for the others": Breakage(
        _SCRIPTS + "lease.lua",
        "redis.call('ZADD', K_DUE, now + length_ms, delivery)",
        "",
        f"{_SWEEPER}/test_dispatch.py::test_two_dispatchers_at_once_deliver_each_event_once",
    ),
    "a channel that is disabled is silent about it": Breakage(
        "sweeper/dispatch.py",
        "untold(reason, told)",
        "untold(reason)",
        f"{_SWEEPER}/test_failing.py::test_the_others_hear_what_a_channel_that_is_disabled_does_not_get",
    ),
    "a trial of a disabled channel is a dead letter": Breakage(
        "sweeper/dispatch.py",
        '"gone" if isinstance(one.event, TrialEvent) else "dead"',
        '"dead"',
        f"{_SWEEPER}/test_failing.py"
        "::test_a_trial_of_a_channel_that_is_disabled_is_no_dead_letter_and_no_news_for_the_others",
    ),
    "one renewal that fails is the last": Breakage(
        "sweeper/dispatch.py",
        '                except OverdueError as error:\n                    _log.warning("cannot prolong',
        '                except KeyError as error:\n                    _log.warning("cannot prolong',
        f"{_SWEEPER}/test_dispatch.py::test_a_lease_is_prolonged_while_its_attempt_is_under_way",
    ),
    "a lease is not taken back": Breakage(
        _SCRIPTS + "lease.lua",
        "redis.call('ZADD', K_DUE, now + length_ms, delivery)",
        "redis.call('ZREM', K_DUE, delivery)",
        f"{_LIVE}/test_deliver_and_lease.py::test_a_lease_that_is_not_settled_ends_and_the_delivery_is_handed_out_again",
    ),
    "whoever lost a lease may settle": Breakage(
        _SCRIPTS + "settle.lua",
        "if turn ~= tonumber(ARGV[3]) then return 0 end",
        "",
        f"{_LIVE}/test_deliver_and_lease.py::test_whoever_lost_the_lease_settles_nothing",
    ),
    "leases are not prolonged": Breakage(
        _SCRIPTS + "renew.lua",
        "redis.call('ZADD', KEYS[3], 'XX', 'GT', until_ms, ARGV[i])",
        "",
        f"{_SWEEPER}/test_dispatch.py::test_a_lease_is_prolonged_while_its_attempt_is_under_way",
    ),
}
