"""From the outbox into Redis while the caller waits: an answer means that the change is in force."""

from __future__ import annotations

from ingest.api.call import Call
from store.book.outbox import OutboxRow
from store.errors import Unavailable
from store.fault_points import reach


async def project(call: Call, change: OutboxRow) -> None:
    """Carry a committed change to Redis. Its row stays in the outbox for some seconds (see `store/keeping.py`).

    Raises:
        Unavailable: Redis went away since the change was committed; whoever drains the outbox carries it later.
    """
    reach("config.committed")
    try:
        await call.live.project(change.projection)
    except Unavailable as error:
        sentence = f"The change is kept and will be applied when Redis is back ({error})."
        raise Unavailable(sentence, error.retry_after_s) from error
    reach("config.projected")
