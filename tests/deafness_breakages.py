"""Deliberate breakages of what is done when Overdue hears badly, or when Redis has no memory left."""

from __future__ import annotations

from tests.breakage import Breakage

SCRIPTS = "store/live/scripts"
FULL = (
    "tests/store/live/test_server_faults.py::test_when_memory_is_full_life_goes_on_and_nobody_is_called_dead"
)

DEAFNESS_BREAKAGES: dict[str, Breakage] = {
    "a ping is taken before the clock is known": Breakage(
        "ingest/intake.py",
        "elif self.clock.is_set:",
        "elif self.clock:",
        "tests/ingest/test_batcher.py::test_before_the_clock_of_redis_is_known_pings_are_refused_and_the_moment_is_blind",
    ),
    "parts cannot say that they are alive when memory is full": Breakage(
        f"{SCRIPTS}/say_alive.lua", "#!lua flags=allow-oom", "#!lua", FULL
    ),
    "the keeper cannot note what it has seen to when memory is full": Breakage(
        f"{SCRIPTS}/note_kept.lua", "#!lua flags=allow-oom", "#!lua", FULL
    ),
    "a figure that cannot be shown ends the part": Breakage(
        "store/presence.py",
        "    except Exception:\n",
        "    except OSError:\n",
        "tests/store/test_presence.py::test_an_error_that_nobody_thought_of_is_logged_once_and_the_part_is_alive",
    ),
    "an error of the figures is logged every second": Breakage(
        "store/presence.py",
        "        if what not in complaints:\n",
        "        if True:\n",
        "tests/store/test_presence.py::test_an_error_that_nobody_thought_of_is_logged_once_and_the_part_is_alive",
    ),
    "figures stand still while a part cannot say that it is alive": Breakage(
        "store/presence.py",
        """        await _try("show how we are doing", show, complaints)
""",
        """        if await live.alive([part.name]) == [True]:
            await _try("show how we are doing", show, complaints)
""",
        "tests/store/test_presence.py::test_while_it_cannot_say_that_it_is_alive_its_figures_go_on",
    ),
    "nobody says that blind time goes on": Breakage(
        "sweeper/sweeping.py",
        "        self._deafness.look(swept)\n",
        "",
        "tests/sweeper/test_deafness.py::test_it_is_reported_once_within_fifteen_seconds_and_once_when_it_is_over",
    ),
    "the sweep tells of the oldest blind time": Breakage(
        f"{SCRIPTS}/sweep.lua",
        "local newest = blind[#blind] or {0, 0}",
        "local newest = blind[1] or {0, 0}",
        "tests/sweeper/test_deafness.py::test_it_is_reported_once_within_fifteen_seconds_and_once_when_it_is_over",
    ),
    "an outage that is over is an alarm": Breakage(
        "sweeper/deafness.py",
        "blind.length_ms > DEAF_TOO_LONG_MS and goes_on and",
        "blind.length_ms > DEAF_TOO_LONG_MS and",
        "tests/sweeper/test_deafness.py::test_an_outage_that_is_over_is_no_alarm",
    ),
    "an alarm ends because nobody listens": Breakage(
        "sweeper/deafness.py",
        "if self._alarmed and swept.watermark_ms is not None:",
        "if self._alarmed:",
        "tests/sweeper/test_deafness.py::test_an_alarm_does_not_end_because_nobody_listens_any_more",
    ),
    "the doctor looks at blind time once": Breakage(
        "overdue/health/hearing.py",
        "                longest = await _longest_now(live)\n    except",
        "    except",
        "tests/overdue/test_doctor_on_hearing.py::test_when_it_is_over_or_short_it_is_not",
    ),
    "the doctor does not see that blind time goes on": Breakage(
        "overdue/health/hearing.py",
        "own[-1].length_ms > LONG_MS and reaches(own[-1], watermark_ms)",
        "own[-1].length_ms > LONG_MS and not reaches(own[-1], watermark_ms)",
        "tests/overdue/test_doctor_on_hearing.py::test_while_pings_are_refused_all_the_time_it_is_bad",
    ),
    "a blind time that lasts is never told": Breakage(
        "store/recorder/unheard.py",
        "if newest.from_ms < known_ms or newest.length_ms < LASTS_MS or not is_growing:",
        "if newest.from_ms < known_ms or newest.length_ms < 1000 * LASTS_MS or not is_growing:",
        "tests/store/recorder/test_unheard.py::test_one_that_lasts_is_told_after_a_minute_and_its_end_when_it_is_over",
    ),
    "a blind time that lasts is told again and again": Breakage(
        "store/recorder/unheard.py",
        "if newest.from_ms < known_ms or newest.length_ms",
        "if newest.length_ms",
        "tests/store/recorder/test_unheard.py::test_one_that_lasts_is_told_after_a_minute_and_its_end_when_it_is_over",
    ),
    "an outage that is over is said to last": Breakage(
        "store/recorder/unheard.py",
        "is_growing = newest.to_ms - self._growing.to_ms >= CALM_MS",
        "is_growing = True",
        "tests/store/recorder/test_unheard.py::test_a_long_one_that_ended_a_moment_ago_is_not_said_to_last",
    ),
    "a full memory is not said": Breakage(
        "overdue/health/memory.py",
        "    if used >= limit:\n",
        "    if used > 2 * limit:\n",
        "tests/overdue/test_doctor_on_memory.py::test_it_says_so_from_nine_tenths_on",
    ),
}
