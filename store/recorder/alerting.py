"""Threshold rules in the recorder: judges every sample once, in order, and keeps where each rule stands.

All of it happens in the transaction that writes the samples: state, incident and message are there together or not at
all. After a rollback everything is read again. Whether a maintenance window is on is asked of a sample's own moment, so
one that is recorded late is judged as it would have been in time.
"""

from __future__ import annotations

from collections.abc import Iterable

from store.book.alert_writer import AlertState, AlertWriter
from store.book.history_writer import HistoryWriter, IncidentChange
from store.book.rule_reader import Rule, RuleReader, Rules
from store.book.sample_writer import SampleWriter, Taken
from store.live.packing import EventKind, MetricEvent, pack_metric_event
from store.recorder.judging import at_rest, judge
from store.recorder.quiet_times import QuietTimes


class Alerting:
    """The rules of all shards. `look` before a transaction, `follow` and `judge` within it."""

    def __init__(self, reader: RuleReader, history: HistoryWriter, samples: SampleWriter) -> None:
        self._reader = reader
        self._history = history
        self._samples = samples
        self._writer = AlertWriter(history)
        self._rules: dict[int, dict[str, list[Rule]]] = {}
        self._states: dict[int, AlertState] = {}
        self._quiet: dict[int, QuietTimes] = {}
        self._fresh: Rules | None = None
        history.on_rollback.append(self._forget)

    def look(self) -> bool:
        """Whether rules have changed, so that `follow` has something to do.

        Raises:
            Unavailable: config.db cannot be read now.
        """
        self._fresh = self._reader.read_if_changed() or self._fresh
        return self._fresh is not None

    def follow(self, now_ms: int) -> None:
        """Take over what `look` found, and begin anew where something else is measured now.

        What is open there ends, and nobody is told. The same for a rule that is gone, or whose monitor is paused.
        """
        if self._fresh is None:
            return
        rules, self._fresh = self._fresh, None
        self._rules = {}
        self._follow_windows(rules)
        versions = {rule.id: rule.version for rule in rules.active}
        for rule in rules.active:
            self._rules.setdefault(rule.monitor_id, {}).setdefault(rule.metric_key, []).append(rule)
        self._states = self._writer.states()
        for state in list(self._states.values()):
            self._end(state, versions.get(state.alert_id), now_ms)
            if state.alert_id not in rules.ids:
                self._writer.forget(state.alert_id)
                del self._states[state.alert_id]

    def judge(self, taken: Iterable[Taken], shard: int, now_ms: int) -> list[tuple[int, bytes]]:
        """Judge the samples of pings, in order; what there is to tell, as it lies in the outbox."""
        if not self._rules:
            return []
        touched: dict[int, AlertState] = {}
        events: list[MetricEvent] = []
        for one in taken:
            quiet = self._quiet.get(one.monitor_id)
            is_quiet = quiet is not None and quiet.include(one.at_ms)
            for rule, value in self._concerned(one):
                former = self._states.get(rule.id) or AlertState(
                    alert_id=rule.id, monitor_id=rule.monitor_id, version=rule.version
                )
                state, event = judge(rule, former, value, one.at_ms, is_quiet=is_quiet)
                self._states[rule.id] = touched[rule.id] = state
                if event is not None:
                    events.append(event)
        self._writer.save(touched.values())
        self._history.change_incidents(map(_incident_change, events))
        return (
            self._writer.put(shard, [pack_metric_event(event) for event in events], now_ms) if events else []
        )

    def _follow_windows(self, rules: Rules) -> None:
        """Monitors with the same windows share what is worked out of them."""
        times: dict[tuple[int, ...], QuietTimes] = {}
        self._quiet = {}
        for rule in rules.active:
            windows = rules.windows.of(rule.org_id, rule.monitor_id)
            if windows and windows not in times:
                times[windows] = QuietTimes([rules.windows.times[one] for one in windows])
            if windows:
                self._quiet[rule.monitor_id] = times[windows]

    def _concerned(self, one: Taken) -> list[tuple[Rule, float | str]]:
        """The rules that a ping's samples are to be held against: none that was made later. A value that was refused is
        no sample."""
        by_key = self._rules.get(one.monitor_id)
        if by_key is None:
            return []
        kept = self._samples.keys_of(one.monitor_id)
        return [
            (rule, value)
            for key, value in one.metrics.items()
            if key in by_key and key in kept
            for rule in by_key[key]
            if one.at_ms >= rule.since_ms
        ]

    def _end(self, state: AlertState, version: int | None, now_ms: int) -> None:
        """Begin anew, unless the rule is in force in the version that was judged by. None: it is not in force."""
        if version == state.version or (version is None and not state.streak):
            return
        if state.started_ms:
            self._writer.close_incident(state.incident_id, now_ms)
        self._states[state.alert_id] = rested = at_rest(state, version or state.version)
        self._writer.save([rested])

    def _forget(self) -> None:
        self._reader.forget()
        self._fresh = None


def _incident_change(event: MetricEvent) -> IncidentChange:
    return IncidentChange(
        id=str(event.incident_id),
        monitor_id=event.monitor_id,
        org_id=event.org_id,
        silence_ms=event.breach_ms,
        started_ms=event.started_ms,
        ended_ms=None if event.kind == EventKind.BREACHED else event.at_ms,
        kind="metric",
        alert_id=str(event.told.public_id),
        metric_key=event.told.metric_key,
    )
