"""What people read: a notice as a subject, a few lines of text, and the same as HTML.

A notice is the JSON that webhooks get (see `message.py`); nothing here looks anything up, so every attempt of a notice
reads the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

import msgspec

from store.messages.links import channels_page, first_page, monitor_page
from store.messages.monitor_wording import down, quote_of, reminder, up
from store.messages.phrases import Data, between, moment, span

LONGEST_SUBJECT = 180
WHOLE_BELOW = 1e15


class Words(msgspec.Struct, frozen=True):
    """A message to people. `link` is where they can see more, if it is known where this installation is reached.

    `quote` is what a job said, as it was sent: anything may be in it.
    """

    subject: str
    lines: tuple[str, ...]
    link: str | None
    quote: str = ""

    @property
    def text(self) -> str:
        quoted = [f"> {line}" for line in self.quote.split("\n")] if self.quote else []
        return "\n".join([*self.lines, *quoted, *(["", self.link] if self.link else [])]) + "\n"

    @property
    def html(self) -> str:
        paragraphs = "".join(f"<p>{escape(line)}</p>" for line in self.lines if line)
        paragraphs += f'<pre style="white-space: pre-wrap">{escape(self.quote)}</pre>' if self.quote else ""
        link = f'<p><a href="{escape(self.link)}">{escape(self.link)}</a></p>' if self.link else ""
        return f"<!doctype html><html><body><h2>{escape(self.subject)}</h2>{paragraphs}{link}</body></html>"


def words_of(body: bytes, base_url: str) -> Words:
    """A notice in words. One of a kind that is not known here is told by its type."""
    told = msgspec.json.decode(body)
    kind, at = str(told["type"]), moment(told["timestamp"])
    data = {**told["data"], "timestamp": told["timestamp"]}
    tell = _KINDS.get(kind)
    subject, lines = tell(data, at) if tell else (kind, (f"{kind} at {at}.",))
    return Words(_one_line(subject), lines, _link(data, base_url), quote_of(data))


def _breached(data: Data, at: str) -> tuple[str, tuple[str, ...]]:
    monitor, alert = data["monitor"], data["alert"]
    rule = _rule(alert)
    times = alert["consecutiveTriggers"]
    lines = [
        f"{alert['metricKey']} of {monitor['name']} was {_number(data['value'])} at {at}.",
        f"The rule is: {rule}",
    ]
    lines[1] += f", {times} times in a row." if times > 1 else "."
    return f"{monitor['name']}: {rule}", tuple(lines)


def _cleared(data: Data, at: str) -> tuple[str, tuple[str, ...]]:
    monitor, alert, incident = data["monitor"], data["alert"], data["incident"]
    lasted = between(incident["startedAt"], incident["endedAt"])
    return f"{monitor['name']}: {alert['metricKey']} is well again", (
        f"{alert['metricKey']} of {monitor['name']} was {_number(data['value'])} at {at}.",
        f"The rule {_rule(alert)} is not broken any more. It was for {lasted}.",
    )


def _rule(alert: Data) -> str:
    return f"{alert['metricKey']} {alert['operator']} {_number(alert['threshold'])}"


def _number(value: float | str) -> str:
    """Without the zero behind the point that a whole number has as JSON."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < WHOLE_BELOW
    return str(int(value)) if is_whole else str(value)


def _downs(data: Data, at: str) -> tuple[str, tuple[str, ...]]:
    count = data["count"]
    subject = f"{count} more monitors are down" if count > 1 else "1 more monitor is down"
    return subject, (f"{subject}, {_stretch(data)}.", *_tags(data), *_names(data))


def _ups(data: Data, at: str) -> tuple[str, tuple[str, ...]]:
    count = data["count"]
    subject = f"{count} monitors are up again" if count > 1 else "1 monitor is up again"
    return subject, (f"{subject}, {_stretch(data)}.", *_tags(data), *_names(data))


def _stretch(data: Data) -> str:
    first, last = moment(data["firstAt"]), moment(data["lastAt"])
    return f"since {first}" if first == last else f"between {first} and {last}"


def _tags(data: Data) -> tuple[str, ...]:
    counts = [f"{one['tag']} ({one['count']})" for one in data["tags"] or ()]
    return (f"Tags: {', '.join(counts)}.",) if counts else ()


def _names(data: Data) -> tuple[str, ...]:
    names, more = [one["name"] for one in data["monitors"]], data["count"] - len(data["monitors"])
    return ("They are:", *(f"- {name}" for name in names), *((f"and {more} more.",) if more > 0 else ()))


def _unheard(data: Data, at: str) -> tuple[str, tuple[str, ...]]:
    monitors, lasted = data["monitors"], span(data["seconds"])
    names = [one["name"] for one in monitors["examples"]]
    more = monitors["count"] - len(names)
    stretch = f"From {moment(data['from'])} to {moment(data['to'])}"
    subject, said = f"Pings could not be heard for {lasted}", "this installation could not hear pings"
    if data["goesOn"]:
        subject = f"Pings go unheard for {lasted} already"
        said += ", and it goes on: nobody is declared down until it is over"
    return subject, (
        f"{stretch} {said}. That is no fault of the monitors.",
        f"It concerns {monitors['count']} monitors, which are given more time:",
        *(f"- {name}" for name in names),
        *((f"and {more} more.",) if more > 0 else ()),
    )


def _trial(data: Data, at: str) -> tuple[str, tuple[str, ...]]:
    name = data["channel"]["name"]
    return f"A trial of the channel “{name}”", (
        f"Somebody tried the channel “{name}” at {at}, and this is what arrived. Nothing is wrong.",
    )


def _failing(data: Data, at: str) -> tuple[str, tuple[str, ...]]:
    name, reason = data["channel"]["name"], data["reason"]
    if data["partial"]:
        return f"The channel “{name}” does not reach everybody", (
            f"Not everybody whom the channel “{name}” tells got what it was to tell at {at}: {reason}.",
            "Who was refused is not tried again for that message.",
        )
    lines = [f"What the channel “{name}” was to be told was given up at {at}: {reason}."]
    if data["disabled"]:
        lines.append("It is disabled and hears nothing more until somebody enables it.")
    else:
        lines.append("What was given up is kept among the deliveries and can be sent again.")
    return f"The channel “{name}” fails", tuple(lines)


_KINDS: Mapping[str, Callable[[Data, str], tuple[str, tuple[str, ...]]]] = {
    "monitor.down": down,
    "monitor.up": up,
    "monitor.reminder": reminder,
    "metric.breached": _breached,
    "metric.cleared": _cleared,
    "monitors.down": _downs,
    "monitors.up": _ups,
    "fleet.unheard": _unheard,
    "channel.test": _trial,
    "channel.failing": _failing,
}


def _one_line(text: str) -> str:
    """A subject: names may hold line breaks, which headers must not."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 1] + "…"


def _link(data: Data, base_url: str) -> str | None:
    if "channel" in data:
        return channels_page(base_url)
    monitor = data.get("monitor")
    if monitor and "id" in monitor:
        return monitor_page(base_url, monitor["id"])
    return first_page(base_url) if "monitors" in data else None
