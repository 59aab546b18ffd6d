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
    "a full memory is not said": Breakage(
        "overdue/health/memory.py",
        "    if used >= limit:\n",
        "    if used > 2 * limit:\n",
        "tests/overdue/test_doctor_on_memory.py::test_it_says_so_from_nine_tenths_on",
    ),
}
