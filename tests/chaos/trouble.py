"""A job of another organisation that fails in one round and takes too long in the next: it alone is told there of."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from redis.exceptions import RedisError

from store.clock import wall_ms
from tests.chaos.again import is_unended
from tests.chaos.company import Company
from tests.chaos.jobs import patiently
from tests.chaos.moments import Holes, deadline, judge_end, ms
from tests.chaos.records import Records
from tests.chaos.strike import Loss, covers
from tests.system.api import Json
from tests.system.fleet import Ping
from tests.system.receiver import Call
from tests.system.waiting import until

TOLD_WITHIN_S, LOST_WITHIN_S, RECORDED_WITHIN_S = 45.0, 4.0, 30.0
MAX_RUNTIME_MS = 1_000
# A run that so much blind time touches may have ended unheard, and is let go.
LONGEST_HOLE_MS = 30_000
YOUNG_S = 3
FAIL, OVERRUN = "fail", "overrun"


class Trouble:
    """One trouble after the other. What was said of it before this round was judged then."""

    def __init__(self, company: Company, records: Records) -> None:
        self._company = company
        self._one = company.troubled
        self._records = records
        self._kind = OVERRUN
        self._calls = 0
        self._since_ms = 0
        self._run = ""
        self._cause: list[Ping] = []
        self._was_young = False

    def begin(self) -> None:
        """It fails, or begins a run that hangs."""
        self._kind = FAIL if self._kind == OVERRUN else OVERRUN
        self._calls, self._since_ms = len(self._company.receiver.calls), wall_ms()
        self._run = str(uuid4())
        self._was_young = self._is_server_young()
        self._send("/fail" if self._kind == FAIL else "/start")
        self._cause = [one for one in self._own_answers() if one.status == 200]

    def end(self, losses: Sequence[Loss]) -> None:
        """That is told, unless it was lost; then all is well again, and that is told too."""
        within_s = LOST_WITHIN_S if self._may_go_untold(losses) else TOLD_WITHIN_S
        try:
            until(lambda: self.calls("monitor.down"), within_s, f"monitor.down of {self._kind}")
        except AssertionError:
            if not self._may_go_untold(losses):
                raise
        self._send("")
        if self.calls("monitor.down"):
            until(
                lambda: self.calls("monitor.up") or self._is_unended(losses),
                TOLD_WITHIN_S,
                f"monitor.up of {self._kind}",
            )

    def calls(self, kind: str = "") -> list[Call]:
        """What was told of it in this round."""
        calls = self._company.receiver.calls[self._calls :]
        return [one for one in calls if one.type == kind or not kind]

    def judge(self, losses: Sequence[Loss], holes: Sequence[Holes]) -> list[str]:
        """It was told once, with the right cause, to its own organisation, and nobody else was heard of there."""
        wrong = [
            f"other organisations hear of it: {one}" for one in self.calls() if one.monitor_id != self._one.id
        ]
        wrong += [
            f"a bad signature: {one}"
            for one in self.calls()
            if not one.is_signed_with(self._company.receiver.secret)
        ]
        if self._is_unended(losses) or (not self.calls() and self._may_go_untold(losses)):
            return wrong
        order = list(dict.fromkeys(one.type for one in self.calls()))
        if order != ["monitor.down", "monitor.up"]:
            wrong.append(f"told of {self._kind}: {order}")
        kinds = {str(one.incident["kind"]) for one in self.calls()}
        if kinds != {self._kind} and not any(
            to - since > LONGEST_HOLE_MS for own in holes for since, to in own
        ):
            wrong.append(f"{self._kind} was told as {kinds}")
        if not losses:
            wrong += self._judge_incidents(holes)
        return wrong

    def _judge_incidents(self, holes: Sequence[Holes]) -> list[str]:
        found = until(self._ended, RECORDED_WITHIN_S, "trouble is recorded with its end")
        if len(found) != 1 or {one.incident["id"] for one in self.calls()} != {found[0]["id"]}:
            return [f"{self._kind} is recorded as {found}, told as {self.calls()}"]
        rows = [row for row in self._records.of(self._one.id) if row.at_ms >= self._since_ms - 1000]
        causes = [row.at_ms for row in rows if row.signal]
        started = ms(found[0]["startedAt"])
        if self._kind == FAIL:
            expected = set(causes)
        else:
            expected = {deadline(cause, MAX_RUNTIME_MS, own) for own in holes for cause in causes}
        wrong = (
            []
            if started in expected
            else [f"{self._kind} of {causes} is told for {started}, not {expected}, {holes}"]
        )
        return wrong + judge_end(self._one, found[0], rows)

    def _ended(self) -> list[Json]:
        """Its incidents of this round, if they are over."""
        own = patiently(self._own, "incidents")
        return own if all(one["endedAt"] for one in own) else []

    def _own(self) -> list[Json]:
        found = self._company.others.incidents(self._one.id)
        return [one for one in found if ms(one["startedAt"]) >= self._since_ms - 1000]

    def _send(self, signal: str) -> None:
        self._company.send_well(self._company.client, self._one, signal, self._run)

    def _own_answers(self) -> list[Ping]:
        answers = self._company.answers
        return [one for one in answers if one.key == self._one.key and one.sent_ms >= self._since_ms]

    def _may_go_untold(self, losses: Sequence[Loss]) -> bool:
        """A failure that is lost itself; a run also because its end might be, so that it is let go."""
        return all(covers(losses, one) for one in self._cause) or (
            self._kind == OVERRUN and (bool(losses) or self._was_young)
        )

    def _is_server_young(self) -> bool:
        """When it was started is known to the second only, so whoever dies then is taken to have died with it."""
        try:
            with self._company.house.redis() as client:
                return int(client.info("server")["uptime_in_seconds"]) <= YOUNG_S
        except RedisError:
            return True

    def _is_unended(self, losses: Sequence[Loss]) -> bool:
        """Nobody knows of it any more but the receiver, and it is well: no end will be told."""
        if not is_unended(self.calls(), losses):
            return False
        return patiently(
            lambda: self._company.others.status(self._one.id) == "up" and not self._own(), "a look"
        )
