"""Counts the deaths of parts for Prometheus.

Import this only after PROMETHEUS_MULTIPROC_DIR is set and its folder made: the client library decides while it
is imported whether the metrics of all parts are shown together.
"""

from __future__ import annotations

from prometheus_client import multiprocess

from store.metrics import PART_RESTARTS


def count_death(name: str, pid: int) -> None:
    """Count a part's restart, and drop the gauges that only meant something while the dead one lived."""
    PART_RESTARTS.labels(name).inc()
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
