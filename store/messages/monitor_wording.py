"""What people read about one monitor: what is wrong, since when, what was expected, and what it sent last."""

from __future__ import annotations

from store.messages.phrases import Data, between, moment, span

Lines = tuple[str, ...]


def down(data: Data, at: str) -> tuple[str, Lines]:
    """Why it is down, what it sent last, what was expected."""
    name, kind = data["monitor"]["name"], data["incident"]["kind"]
    if kind == "fail":
        subject, what = f"{name} has failed", f"{name} said at {at} that it has failed{_own_exit_code(data)}."
    elif kind == "overrun":
        subject = f"{name} runs for too long"
        what = f"A run of {name} was to be over by {at}, and it is not.{_run(data)}"
    else:
        subject = f"{name} is down"
        what = f"{name} has been silent for longer than it may. It is down since {at}."
    return subject, (what + _in_a_row(data), *_facts(data))


def up(data: Data, at: str) -> tuple[str, Lines]:
    """That it pinged, and how long it was down."""
    name, incident = data["monitor"]["name"], data["incident"]
    lasted = between(incident["startedAt"], incident["endedAt"])
    return f"{name} is up again", (
        f"{name} has pinged again at {at}.",
        f"It was down for {lasted}, since {moment(incident['startedAt'])}.",
    )


def reminder(data: Data, at: str) -> tuple[str, Lines]:
    """For how long it has been down."""
    name, incident = data["monitor"]["name"], data["incident"]
    since, why = moment(incident["startedAt"]), _WHY.get(incident["kind"], "")
    lasted = between(incident["startedAt"], data["timestamp"])
    return f"{name} is still down", (
        f"{name} is still down: for {lasted} now, since {since}{why}.",
        *_facts(data),
    )


def quote_of(data: Data) -> str:
    """What came with the last ping."""
    last = data.get("lastPing")
    if not last or not last["message"]:
        return ""
    return f"[…]\n{last['message']}" if last["isCut"] else str(last["message"])


# How a reminder names what was wrong in the beginning.
_WHY = {"fail": ", when it said that it had failed", "overrun": ", when a run was not over in time"}


def _facts(data: Data) -> Lines:
    return (*_delay(data), *_heard(data), *_sent_last(data), _expected(data), *_introduction(data))


def _run(data: Data) -> str:
    run = data.get("run")
    return f" It began at {moment(run['startedAt'])} and may take {span(run['maxRuntime'])}." if run else ""


def _delay(data: Data) -> Lines:
    delayed_s = data["incident"]["delayedBySeconds"]
    if not delayed_s:
        return ()
    return (f"It had {span(delayed_s)} more than usual, because pings could not be heard for a while.",)


def _heard(data: Data) -> Lines:
    """When it pinged last, unless it is that ping that is told of."""
    last = data["monitor"]["lastPingAt"]
    if not last:
        return ("It has never pinged.",)
    return () if last == data["timestamp"] else (f"Its last ping came at {moment(last)}.",)


def _sent_last(data: Data) -> Lines:
    """Who sent the last ping that was recorded; with its moment, unless that was just said."""
    last = data.get("lastPing")
    if not last:
        return ()
    agent = f" ({last['userAgent']})" if last["userAgent"] else ""
    if last["at"] == data["timestamp"]:
        return (f"That came from {last['from']}{agent}.",)
    if last["at"] == data["monitor"]["lastPingAt"]:
        return (f"It came from {last['from']}{agent}{_exit_code(data)}.",)
    what = _SIGNALS.get(last["signal"], "ping")
    return (f"The last {what} came at {moment(last['at'])} from {last['from']}{agent}{_exit_code(data)}.",)


_SIGNALS = {"start": "start of a run", "fail": "failure", "log": "message"}


def _expected(data: Data) -> str:
    monitor = data["monitor"]
    if monitor["schedule"]:
        expected = f"A ping was expected on the schedule {monitor['schedule']}"
    else:
        expected = f"A ping was expected every {span(monitor['interval'])}"
    if monitor["gracePeriod"]:
        expected += f", with {span(monitor['gracePeriod'])} of grace"
    return f"{expected}."


def _exit_code(data: Data) -> str:
    last = data.get("lastPing")
    if not last or last["signal"] != "fail" or last["exitCode"] is None:
        return ""
    return f", with exit code {last['exitCode']}"


def _own_exit_code(data: Data) -> str:
    """That of the very ping that is told of."""
    last = data.get("lastPing")
    return _exit_code(data) if last and last["at"] == data["timestamp"] else ""


def _in_a_row(data: Data) -> str:
    """How many it took, if one was not enough."""
    count = data.get("failuresBeforeAlert")
    if not count:
        return ""
    if data["incident"]["kind"] in _WHY:
        return f" That makes {count} failures in a row."
    return f" {count} pings in a row did not come."


def _introduction(data: Data) -> Lines:
    """Of which ping the quote is: later ones may not have been recorded."""
    last = data.get("lastPing")
    if not last or not quote_of(data):
        return ()
    if last["at"] in (data["monitor"]["lastPingAt"], data["timestamp"]):
        return ("What came with the last ping:",)
    return (f"What came with that {_SIGNALS.get(last['signal'], 'ping')}:",)
