"""The errors everyone shares; each carries the decision it implies.

OverdueError
├── SettingError         a setting is bad: the start stops with this sentence
├── Invalid              input is bad: 422 (or 400), names the field
│   └── BelowMinimum        a number is smaller than the plan allows: 422, says the `minimum`
├── LimitReached         the organisation has as many as its plan allows: 403, says the `limit`
├── Conflict             it is in no state in which that can be done: 409
├── Outdated             it was changed since the caller looked at it: 412
├── TooOften             asked more often than is allowed: 429, again after `retry_after_s`
├── NotFound             not there, or not yours: 404
├── Unavailable          Redis or a database is away or overloaded: 503, try again after `retry_after_s`
│   └── GenerationMissing   Redis is up but does not hold this installation: 503 until it is rebuilt
└── Fenced               another process took this writer slot over: stop at once
"""

from __future__ import annotations


class OverdueError(Exception):
    """Base of all errors that Overdue raises on purpose."""


class SettingError(OverdueError):
    """A setting that cannot be used; the message names it and says what to change."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.name = name


class Invalid(OverdueError):
    """Input that is refused; `field` is the name as the caller spelled it, if there is one."""

    def __init__(self, sentence: str, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


class BelowMinimum(Invalid):
    """A number that is smaller than the organisation's plan allows; `minimum` is the least that it takes."""

    def __init__(self, sentence: str, field: str, minimum: int) -> None:
        super().__init__(sentence, field)
        self.minimum = minimum


class LimitReached(OverdueError):
    """The organisation has as many of something as it can have; `limit` is how many that is."""

    def __init__(self, sentence: str, limit: int) -> None:
        super().__init__(sentence)
        self.limit = limit


class Conflict(OverdueError):
    """The thing is in no state in which this can be done to it; the sentence says what would help."""


class Outdated(OverdueError):
    """The thing is not what the caller has looked at any more; nothing was done. Worth another look."""


class TooOften(OverdueError):
    """Asked more often than is allowed; nothing was done. Worth another try after `retry_after_s`."""

    def __init__(self, sentence: str, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class NotFound(OverdueError):
    """The thing is not there or belongs to someone else; the two look the same from outside."""


class Unavailable(OverdueError):
    """A store is away or overloaded; nothing was promised. Worth another try after `retry_after_s`."""

    def __init__(self, sentence: str, retry_after_s: int = 1) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class GenerationMissing(Unavailable):
    """Redis answers, but does not hold the installation that we know: flushed, or the wrong server."""


class Fenced(OverdueError):
    """Another process has registered the writer slot that we held; going on would do harm."""
