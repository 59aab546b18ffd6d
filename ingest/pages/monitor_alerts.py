"""Threshold alerts on the page of a monitor: make one, delete one."""

from __future__ import annotations

import re
from collections.abc import Container
from math import isinf

import msgspec
from starlette.responses import Response

from ingest.api import metric_alerts, metrics
from ingest.api.call import Call
from ingest.api.metric_alerts import CreateMetricAlert
from ingest.pages import monitor
from ingest.pages.forms import REFUSED, Form, asked, refused
from ingest.pages.render import see
from store.errors import Invalid, NotFound
from store.metric_alert import TEXT_OPERATORS

MOST_THRESHOLD = 1000

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


async def make(call: Call, form: Form) -> Response:
    """Make the rule, or show the page with the form as it was filled in."""
    try:
        await metric_alerts.make(call, await _asked(call, form))
    except REFUSED as error:
        said = refused(error)
        return await monitor.shown(call, said.status, form, said)
    return see(f"/monitors/{call.public_id}?said=alert#alerts")


async def remove(call: Call, _: Form) -> Response:
    """Delete the rule; whoever deletes one that is gone already has what they want."""
    try:
        await metric_alerts.remove(call)
    except NotFound:
        await metrics.all_keys(call)  # says so if it is the monitor that is not there
    return see(f"/monitors/{call.public_id}#alerts")


async def _asked(call: Call, form: Form) -> CreateMetricAlert:
    known = {one.key: one.type for one in (await metrics.all_keys(call)).metrics}
    key = _key(form, known)
    if not form.text("channelId"):
        raise Invalid("Who is to be told? Choose a channel.", "channelId")
    wanted = asked(
        CreateMetricAlert,
        metric_key=key,
        operator=form.text("operator"),
        threshold=0.0,
        channel_id=form.text("channelId"),
        consecutive_triggers=form.text("consecutiveTriggers"),
    )
    threshold = _threshold(form.text("threshold"), wanted.operator, known.get(key) == "string")
    return msgspec.structs.replace(wanted, threshold=threshold)


def _key(form: Form, known: Container[str]) -> str:
    """As it was chosen; blanks around one that was typed are none of it."""
    chosen = "".join(form.all("metricKey")[:1])
    key = chosen if chosen in known else chosen.strip()
    if not key:
        raise Invalid("Which metric? Choose one, or type its key.", "metricKey")
    return key


def _threshold(text: str, operator: str, is_of_text: bool) -> float | str:
    """A number where it is one; a text where texts can be compared, and the metric is one or this is no number."""
    if not text:
        raise Invalid("A threshold is needed.", "threshold")
    number = float(text) if _NUMBER.fullmatch(text) else None
    if operator in TEXT_OPERATORS and (is_of_text or number is None):
        if len(text) > MOST_THRESHOLD:
            raise Invalid(f"A text to compare with has at most {MOST_THRESHOLD} characters.", "threshold")
        return text
    if number is None or isinf(number):
        raise Invalid(f"Only a number can be compared with {operator}.", "threshold")
    return number
