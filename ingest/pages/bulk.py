"""One thing done to many monitors: each through the same function as alone, and what could not be done told by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

import msgspec
from starlette.responses import Response

from ingest.api import registry
from ingest.api.auth import count_write
from ingest.api.call import Call
from ingest.pages.choosing import View, read_view
from ingest.pages.forms import Form, refused
from ingest.pages.render import render, see
from store.book import fleet
from store.book.monitors import MonitorChanges
from store.book.names import check_tags
from store.errors import Conflict, Invalid, LimitReached, NotFound, TooOften, Unavailable

Act = Callable[[Call, UUID, str], Awaitable[None]]


class Failure(msgspec.Struct, frozen=True):
    """A monitor to which it was not done, and why. Somebody else's, or none at all, has no name."""

    id: str
    name: str | None
    sentence: str


async def _pause(call: Call, one: UUID, _: str) -> None:
    await registry.change(call, one, MonitorChanges(paused=True))


async def _resume(call: Call, one: UUID, _: str) -> None:
    await registry.change(call, one, MonitorChanges(paused=False))


async def _tag(call: Call, one: UUID, tag: str) -> None:
    tags = (await registry.find(call, one)).row.tags
    await registry.change(call, one, MonitorChanges(tags=(*tags, tag)))


async def _untag(call: Call, one: UUID, tag: str) -> None:
    tags = (await registry.find(call, one)).row.tags
    await registry.change(call, one, MonitorChanges(tags=tuple(kept for kept in tags if kept != tag)))


async def _delete(call: Call, one: UUID, _: str) -> None:
    await registry.delete(call, one)


ACTS: Mapping[str, Act] = {
    "pause": _pause,
    "resume": _resume,
    "tag": _tag,
    "untag": _untag,
    "delete": _delete,
}


async def take(call: Call, form: Form) -> Response:
    """Do it, or first ask what is missing: which tag, or whether they are really to be deleted."""
    view, _ = read_view(call.request)
    what, ids, tag = form.text("do"), _ids(form), form.text("tag")
    if what not in ACTS:
        raise Invalid("There is no such thing to do with monitors.", "do")
    if not ids:
        return see(view.address(page=view.page, said="nothing"))
    if what in {"tag", "untag"}:
        try:
            check_tags([tag])
        except Invalid as error:
            asked_before = "tag" in form.fields and tag != ""
            return await _ask(call, "bulk_tag.html", ids, what, view, tag, error if asked_before else None)
    if what == "delete" and not form.text("confirmed"):
        return await _ask(call, "bulk_delete.html", ids, what, view)
    return await _do(call, what, ids, tag, view)


async def _do(call: Call, what: str, ids: Sequence[UUID], tag: str, view: View) -> Response:
    done, failures, untried = 0, [], 0
    known = await fleet.names_of(call.book, call.org_id, ids)
    for number, one in enumerate(ids):
        try:
            if number:  # the form itself was counted as one change
                await count_write(call.live, call.caller)
            await ACTS[what](call, one, tag)
            done += 1
        except (NotFound, Invalid, Conflict, LimitReached) as error:
            failures.append(Failure(str(one), known.get(one), str(error)))
        except (TooOften, Unavailable) as error:
            failures.append(Failure(str(one), known.get(one), str(error)))
            untried = len(ids) - number - 1
            break
    if not failures:
        return see(view.address(page=view.page, said=what, n=done))
    context = {"what": what, "done": done, "failures": failures, "untried": untried}
    return render(call, "bulk_failed.html", 409, view=view, **context)


async def _ask(
    call: Call,
    template: str,
    ids: Sequence[UUID],
    what: str,
    view: View,
    tag: str = "",
    error: Invalid | None = None,
) -> Response:
    known = await fleet.names_of(call.book, call.org_id, ids)
    why = refused(error) if error else None
    chosen = [(str(one), known[one]) for one in ids if one in known]
    if not chosen:
        raise NotFound("These monitors are not there any more.")
    status = why.status if why else 200
    return render(call, template, status, chosen=chosen, what=what, view=view, tag=tag, error=why)


def _ids(form: Form) -> list[UUID]:
    """The monitors that were ticked, each once."""
    try:
        return list(dict.fromkeys(UUID(text) for text in form.all("id")))
    except ValueError:
        raise Invalid("This is no form of ours; load the page again.", "id") from None
