"""How pages say things: moments, spans of time, numbers. Scripts in the browser turn moments into its own zone."""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup, escape

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def moment(at: str | None, missing: str = "never") -> Markup | str:
    """A moment of a reply (RFC 3339, UTC) as a `time` element; without one, the word for that."""
    if at is None:
        return missing
    known = datetime.fromisoformat(at)
    text = f"{known:%d %b %Y %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at, text, text)


def span(seconds: float) -> str:
    """A length of time in at most two units: `90` is `1 min 30 s`."""
    rest, said = round(seconds), []
    for unit, size in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            said.append(f"{count} {unit}")
    return " ".join(said[:2]) or "0 s"


def lasted(from_at: str, to_at: str) -> str:
    """The length of time between two moments of replies."""
    return span((datetime.fromisoformat(to_at) - datetime.fromisoformat(from_at)).total_seconds())


def number(value: float | str) -> str:
    """A value of a metric as people write it; texts as they are."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:,.6g}"


def took(duration_ms: int) -> str:
    """How long a run took: `12.3 s`, and from a minute on as a span."""
    if duration_ms < 1000:
        return f"{duration_ms} ms"
    return f"{duration_ms / 1000:.3g} s" if duration_ms < 60_000 else span(duration_ms / 1000)


def signalled(signal: str, exit_code: int | None, duration_ms: int | None) -> str:
    """What a ping said; nothing for a plain one."""
    if signal in {"start", "log"}:
        return signal
    lasted = [] if duration_ms is None else [took(duration_ms)]
    if signal == "fail":
        code = [] if exit_code is None else [f"exit code {exit_code}"]
        return "failed" + (f" ({', '.join(code + lasted)})" if code or lasted else "")
    return " ".join(["ok", *lasted]) if lasted or exit_code is not None else ""


def percent(value: float | None) -> str:
    """An uptime. It was rounded down, so that 100 % means no downtime at all."""
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".") + " %"


def count(value: int) -> str:
    return f"{value:,}"


def code(text: str) -> Markup:
    """A sentence in which what stands between backticks is code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )
