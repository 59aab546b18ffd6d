"""The values of labels that `docs/metrics.md` names are those that the code gives them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from prometheus_client import REGISTRY

from ingest.doors import DOORS, batch
from ingest.tally import Tally
from store.live.delivering import Settlement
from store.live.event_types import TYPES
from store.live.packing import EventKind
from store.settings import read_settings
from sweeper import dispatch
from sweeper.channels import open_channels
from tests.test_docs import DOCS

# Dispatch makes these of single events, which are what is counted.
COLLECTED = {EventKind.DOWNS, EventKind.UPS}


def told(label: str) -> set[str]:
    """The values that the page names in the entry that begins with these words."""
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    entry = re.search(rf"^- {re.escape(label)}:(.*?)(?=^- |^$)", text, re.DOTALL | re.MULTILINE)
    assert entry is not None, label
    return set(re.findall(r"`([a-z.]+)`", entry[1]))


def test_the_doors_and_outcomes_of_pings_are_those_that_are_counted() -> None:
    Tally([*(door.name for door in DOORS), batch.NAME])
    (family,) = [one for one in REGISTRY.collect() if one.name == "overdue_pings"]
    counted = [sample.labels for sample in family.samples]
    assert told("`door`") == {one.name for one in DOORS} | {batch.NAME}
    assert told("`outcome` of a ping") == {labels["outcome"] for labels in counted}


def test_the_kinds_and_outcomes_of_attempts_are_those_that_are_counted(tmp_path: Path) -> None:
    assert told("`kind`") == set(open_channels(read_settings({"OVERDUE_DATA": str(tmp_path)})))
    assert told("`outcome` of a delivery attempt") == {
        dispatch._COUNTED_AS.get(one, one) for one in get_args(Settlement)
    }


def test_the_types_of_events_are_those_that_are_counted() -> None:
    singles = {name for kind, name in TYPES.items() if kind not in COLLECTED}
    assert told("`type` of an event") == singles | {"monitor.closed"}
