"""Looks at what a round has left beside calls and numbers: moments, the jobs of other kinds, and who is gone."""

from __future__ import annotations

from collections.abc import Sequence

from store.clock import wall_ms
from store.live.packing import read_holes
from tests.chaos.company import Company
from tests.chaos.jobs import Jobs, Watched, patiently
from tests.chaos.moments import (
    LATE_MS,
    Holes,
    judge_not_early,
    judge_plain,
    judge_recorded,
    judge_runs,
    judge_samples,
    judge_shown,
    judge_silence,
    ms,
)
from tests.chaos.records import Records
from tests.chaos.strike import Loss, covers
from tests.chaos.trouble import Trouble
from tests.system.api import Api, Json
from tests.system.fleet import Fleet, Ping
from tests.system.house import House
from tests.system.receiver import Call
from tests.system.waiting import until

GONE_WITHIN_S, RECORDED_WITHIN_S = 10.0, 10.0
LIMITED = 429
# Among so many answers of one kind is one of each who is healthy.
NEWEST = 2_000


class Looks:
    """One look after each round."""

    def __init__(
        self,
        house: House,
        api: Api,
        jobs: Jobs,
        fleet: Fleet,
        company: Company,
        records: Records,
        trouble: Trouble,
        healthy: Sequence[Watched],
        measured: Watched,
    ) -> None:
        self._house = house
        self._api = api
        self._jobs = jobs
        self._fleet = fleet
        self._company = company
        self._records = records
        self._trouble = trouble
        self._healthy = healthy
        self._measured = measured
        self._gone: list[Watched] = []
        self._began_ms = 0
        self._complaints = self._plain = 0
        self._after_loss = False
        self._seen = [0, 0, 0]
        self._new: list[Ping] = []

    def begin_round(self) -> None:
        """Pings are looked at from the last look on, all else from now on."""
        self._began_ms = wall_ms()

    def answered(self) -> list[Ping]:
        """Every ping that was answered since this was asked last."""
        answers = self._answers()
        self._new = [one for some, seen in zip(answers, self._seen, strict=True) for one in some[seen:]]
        self._seen = [seen + len(some[seen:]) for some, seen in zip(answers, self._seen, strict=True)]
        return self._new

    def is_fine(self, one: Ping) -> bool:
        """Whether an answer is one that may be given: the pings of one monitor are limited."""
        return one.status in {200, 503} or (one.status == LIMITED and one.key == self._company.hasty.key)

    def end_round(
        self, silent: Sequence[Watched], calls: Sequence[Call], losses: Sequence[Loss]
    ) -> list[str]:
        """What is wrong, when everything is told and recorded."""
        complaints = self._company.complaints[self._complaints :]
        self._complaints += len(complaints)
        good = [one for one in self._new if one.status == 200]
        wrong = complaints + judge_recorded(good, self._records, self._company.happened_ms)
        wrong += self._look_at_plain(losses)
        wrong += self._look_at_shown()
        holes = self._holes()
        for one in silent:
            wrong += self._look_at_silence(
                one, [call for call in calls if call.monitor_id == one.id], losses, holes
            )
        if not losses:
            wrong += self._look_at_rule(calls)
            runs = self._records.of(self._company.runner.id)
            wrong += judge_runs(runs, self._began_ms)
        for monitor, key in ((self._measured, "load"), (self._company.relayed, "n")):
            wrong += judge_samples(monitor, key, self._records)
        wrong += self._trouble.judge(losses, holes)
        wrong += self._look_at_gone(silent)
        self._after_loss = bool(losses)
        return wrong

    def _look_at_plain(self, losses: Sequence[Loss]) -> list[str]:
        """Pings without a number, each the same request as the one before, are found by their moments."""
        plain = self._company.plain_answers[self._plain :]
        self._plain += len(plain)
        good = [one for one in plain if one.status == 200 and not covers(losses, one)]

        def odd() -> list[str]:
            self._records.read()
            rows = self._records.of(self._company.plain.id)
            return judge_plain(good, self._company.plain_unanswered_ms, rows)

        try:
            until(lambda: not odd(), RECORDED_WITHIN_S, "plain pings are recorded")
        except AssertionError:
            return odd()
        return []

    def _look_at_silence(
        self, one: Watched, calls: Sequence[Call], losses: Sequence[Loss], holes: Sequence[Holes]
    ) -> list[str]:
        rows = self._records.of(one.id)
        incidents: list[Json] = patiently(lambda: self._api.incidents(one.id), "incidents")
        if losses:
            return [wrong for incident in incidents for wrong in judge_not_early(one, incident, rows)]
        first = next(ping for ping in self._new if ping.key == one.key and ping.status == 200)
        found = [
            [w for i in incidents for w in judge_silence(one, i, calls, rows, first, own)] for own in holes
        ]
        return min(found, key=len)

    def _look_at_rule(self, calls: Sequence[Call]) -> list[str]:
        """A threshold was crossed by the first value beyond it, and crossed back by the next one within.

        What Redis lost in the round before of what was told there may be told again now: the recorder notices that
        within a second.
        """
        incidents = patiently(lambda: self._api.incidents(self._measured.id), "incidents")
        own = [one for one in incidents if ms(one["startedAt"]) >= self._began_ms - LATE_MS]
        rows = [
            row.at_ms for row in self._records.of(self._measured.id) if row.at_ms >= self._began_ms - LATE_MS
        ]
        told = {
            call.incident["id"]
            for call in calls
            if call.monitor_id == self._measured.id
            and not (self._after_loss and ms(call.incident["startedAt"]) < self._began_ms - LATE_MS)
        }
        if len(own) != 1 or told != {own[0]["id"]}:
            return [f"a breach is recorded as {own}, told as {told}"]
        if ms(own[0]["startedAt"]) != rows[0] or ms(own[0]["endedAt"]) not in rows[1:]:
            return [f"a breach is recorded as {own}, and was measured at {rows}"]
        return []

    def _look_at_shown(self) -> list[str]:
        """Everybody healthy is shown as the last pings and the blind times have it."""
        wrong = []
        newest = self._newest()
        watched = {one.id: one for one in (*self._healthy, *self._company.beating)}
        shown, holes = self._shown(self._api)
        for one in shown:
            if one["id"] in watched:
                last = newest[watched[one["id"]].key]
                limit_ms = watched[one["id"]].limit_ms if one["interval"] else 0
                wrong += judge_shown(one, limit_ms, last, wall_ms(), holes)
        hasty = self._company.hasty
        newest = self._newest()
        (one,), holes = self._shown(self._company.hasty_api)
        return wrong + judge_shown(one, hasty.limit_ms, newest[hasty.key], wall_ms(), holes)

    def _shown(self, api: Api) -> tuple[list[Json], list[Holes]]:
        """All monitors of an organisation, and the blind times that they are shown with."""
        while True:
            before = self._holes()
            shown: list[Json] = patiently(lambda: api.get("/api/monitors?limit=1000"), "monitors")["monitors"]
            if self._holes() == before:
                return shown, before

    def _look_at_gone(self, silent: Sequence[Watched]) -> list[str]:
        """Who was deleted in the round before is not there any more, whatever happened since."""
        wrong = []
        for one in self._gone:
            try:
                until(lambda: self._is_gone(one), GONE_WITHIN_S, "it is gone")  # noqa: B023
            except AssertionError:
                wrong.append(f"{one.id} was deleted, and is answered {self._api.ping(one.key).text}")
        self._gone = list(silent)
        return wrong

    def _is_gone(self, one: Watched) -> bool:
        """Nobody knows the key; who was pinged before Redis heard of it was asked for too many unknown keys already."""
        said = self._api.ping(one.key)
        return said.status_code == 404 or (said.status_code == LIMITED and "alive" not in said.json())

    def _holes(self) -> list[Holes]:
        """The blind times of each shard."""
        with self._house.redis() as client:
            return [read_holes(client.get(keys.blind)) for keys in self._house.shards]  # type: ignore[arg-type]

    def _newest(self) -> dict[str, Ping]:
        """The last sign of life of each that was answered."""
        answers = [one for some in (*self._answers(), self._company.plain_answers) for one in some[-NEWEST:]]
        return {one.key: one for one in answers if one.status in {200, LIMITED}}

    def _answers(self) -> tuple[list[Ping], ...]:
        return self._fleet.answers, self._company.answers, self._jobs.answers
