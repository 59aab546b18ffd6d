"""Judges what a round has left: what was answered is stored once, what was silent is told, nobody else is called dead.

Moments and the jobs of other kinds are looked at beside it (looks.py). `overdue doctor` judges with it: Redis has to be
as the books say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypedDict

from overdue.doctor import examine_installation
from overdue.health.finding import Finding, Verdict
from store.settings import read_settings
from tests.chaos.again import is_unended, judge_repeats, most_incidents
from tests.chaos.company import Company
from tests.chaos.faults import Fault
from tests.chaos.jobs import Watched, patiently
from tests.chaos.looks import Looks
from tests.chaos.records import Records
from tests.chaos.strike import Loss, covers
from tests.system.api import Api, Json
from tests.system.fleet import Ping
from tests.system.house import House
from tests.system.receiver import Call, Receiver
from tests.system.waiting import until

SETTLED_S = 30.0
UNAVAILABLE = 503
# What the doctor finds of a process that is not there yet.
STARTING = {"writers", "parts"}
VALUES = {"metric.breached", "metric.cleared"}


class Found(TypedDict):
    """What is found of a round, besides its fault."""

    answered: int
    refused: int
    lost: int
    repeats: int
    unended: int
    wrong: list[str]


class Judge:
    """Looks at the house from outside: its answers, its calls, its history, its doctor."""

    def __init__(
        self,
        house: House,
        api: Api,
        receiver: Receiver,
        records: Records,
        looks: Looks,
        company: Company,
        measured: Watched,
    ) -> None:
        self._house = house
        self._api = api
        self._receiver = receiver
        self._records = records
        self._looks = looks
        self._company = company
        self._measured = measured
        self._calls = 0
        self._calls_elsewhere = 0

    def begin_round(self) -> None:
        """Calls are judged from the last ones on that were: nothing that is told between two rounds is passed over."""
        self._looks.begin_round()

    def end_round(self, silent: Sequence[Watched], fault: Fault, kills: int, losses: Sequence[Loss]) -> Found:
        """Wait until nothing more can come of the round, and look at everything."""
        is_loss = fault.may_lose
        wrong: list[str] = []
        if not is_loss:  # or the value itself may be lost
            self._await(
                lambda: self._told_of_values() == VALUES, "a rule's breach and its end are told", wrong
            )
        self._await(self._house.has_told, "everything is told", wrong)
        answered = self._looks.answered()
        good = [one for one in answered if one.status == 200]
        self._await(lambda: not self._unexplained(good, losses), "each 200 is recorded", wrong)
        wrong += [f"lost: {_beside(one, losses)}" for one in self._unexplained(good, losses)]
        calls = self._receiver.calls[self._calls :]
        elsewhere = self._company.receiver.calls[self._calls_elsewhere :]
        everywhere = [*calls, *elsewhere]
        repeats = len(everywhere) - len({one.id for one in everywhere})
        wrong += [f"answered {one.status}" for one in answered if not self._looks.is_fine(one)]
        wrong += [f"recorded twice: {number}" for number in self._records.doubled]
        unended = [one for one in silent if is_loss and self._is_unended(one, calls, losses)]
        for one in silent:
            if one not in unended:
                wrong += self._judge_silence(one, calls, good, losses if is_loss else ())
        wrong += self._judge_calls(silent, calls)
        if is_loss:
            wrong += judge_repeats(everywhere, losses)
        else:
            for some in (calls, elsewhere):  # to each there is one call at a time
                wrong += _judge_repeats(some, fault, kills)
        wrong += self._looks.end_round([one for one in silent if one not in unended], calls, losses)
        wrong += self._ask_doctor()
        self._calls, self._calls_elsewhere = self._calls + len(calls), self._calls_elsewhere + len(elsewhere)
        return Found(
            answered=len(good),
            refused=sum(one.status == UNAVAILABLE for one in answered),
            lost=len(self._missing(good)),
            repeats=repeats,
            unended=len(unended),
            wrong=wrong,
        )

    def _judge_silence(
        self, one: Watched, calls: Sequence[Call], good: Sequence[Ping], losses: Sequence[Loss]
    ) -> list[str]:
        """One incident (or more, where pings may be lost); beginning and end told under an id each, in order."""
        incidents = self._ended_incidents(one)
        own = [call for call in calls if call.monitor_id == one.id]
        order = list(dict.fromkeys(call.type for call in own))
        wrong = []
        pinged_ms = [ping.answered_ms for ping in good if ping.key == one.key]
        if not 1 <= len(incidents) <= most_incidents(pinged_ms, losses):
            wrong.append(f"{len(incidents)} incidents of {one.id}")
        if order != ["monitor.down", "monitor.up"]:
            wrong.append(f"told of {one.id}: {order}")
        if {call.incident["id"] for call in own} != {incident["id"] for incident in incidents}:
            wrong.append(f"calls and incidents of {one.id} differ: {own} {incidents}")
        if len({call.id for call in own}) != 2 * len(incidents):
            wrong.append(
                f"{len({call.id for call in own})} messages about {len(incidents)} incidents of {one.id}"
            )
        return wrong

    def _is_unended(self, one: Watched, calls: Sequence[Call], losses: Sequence[Loss]) -> bool:
        """It was told while it was lost, and before the recorder had it: nobody can tell of its end."""
        own = [call for call in calls if call.monitor_id == one.id]
        return is_unended(own, losses) and not patiently(lambda: self._api.incidents(one.id), "incidents")

    def _judge_calls(self, silent: Sequence[Watched], calls: Sequence[Call]) -> list[str]:
        """Nobody else is called dead; signatures are right."""
        concerned = {one.id for one in silent} | {self._measured.id}
        wrong = [f"a false alarm: {call}" for call in calls if call.monitor_id not in concerned]
        wrong += [
            f"a bad signature: {call}" for call in calls if not call.is_signed_with(self._receiver.secret)
        ]
        return wrong

    def _told_of_values(self) -> set[str]:
        calls = self._receiver.calls[self._calls :]
        return {call.type for call in calls if call.monitor_id == self._measured.id}

    def _ended_incidents(self, one: Watched) -> list[Json]:
        def ended() -> list[Json]:
            found: list[Json] = patiently(lambda: self._api.incidents(one.id), "incidents")
            return found if all(incident["endedAt"] for incident in found) else []

        try:
            return until(ended, SETTLED_S, "the incident is recorded, with its end")
        except AssertionError:
            return []

    def _missing(self, good: Sequence[Ping]) -> list[Ping]:
        return [one for one in good if one.number not in self._records.by_number]

    def _unexplained(self, good: Sequence[Ping], losses: Sequence[Loss]) -> list[Ping]:
        """What is not recorded, and was not lost with Redis either."""
        self._records.read()
        return [one for one in self._missing(good) if not covers(losses, one)]

    def _ask_doctor(self) -> list[str]:
        """Once; but who was just started again may be missed only now, and is waited for."""
        found = asyncio.run(self._examine())
        if found and {one.what for one in found} <= STARTING:
            try:
                until(lambda: not asyncio.run(self._examine()), SETTLED_S, "all parts are there again")
            except AssertionError:
                pass
            else:
                return []
        return [f"the doctor finds: {one.line()}" for one in found]

    async def _examine(self) -> list[Finding]:
        settings = read_settings(self._house.environ)
        return [one async for one in examine_installation(settings) if one.verdict is Verdict.BAD]

    def _await(self, condition: Callable[[], bool], what: str, wrong: list[str]) -> None:
        try:
            until(condition, SETTLED_S, what)
        except AssertionError as error:
            wrong.append(str(error))


def _beside(one: Ping, losses: Sequence[Loss]) -> str:
    """When a ping was answered that nothing explains the loss of."""
    since = [f"{one.answered_ms - loss.from_ms} ms after {loss.to_ms - loss.from_ms}" for loss in losses[-1:]]
    return f"number {one.number}, {' '.join(since) or 'without any loss'}"


def _judge_repeats(calls: Sequence[Call], fault: Fault, kills: int) -> list[str]:
    """Whoever delivers may repeat one for each death, and one for each answer that got lost; with the same bytes."""
    bodies: dict[str, set[bytes]] = {}
    for call in calls:
        bodies.setdefault(call.id, set()).add(call.body)
    wrong = [f"two bodies under {name}" for name, found in bodies.items() if len(found) > 1]
    repeats = len(calls) - len(bodies)
    if repeats > (kills if fault.part in {"sweeper", "serve", "receiver"} else 0):
        wrong.append(f"{repeats} repeats after {kills} kills: {calls}")
    return wrong
