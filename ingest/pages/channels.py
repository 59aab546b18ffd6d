"""Who is told: the channels, a form for one more, and a page that asks before one is deleted."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import channels
from ingest.api.call import Call
from ingest.api.channels import CreateChannel
from ingest.pages.forms import REFUSED, Form, Refused, asked, refused
from ingest.pages.render import render, see


async def show(call: Call) -> Response:
    return await _list(call)


async def create(call: Call, form: Form) -> Response:
    """A channel that was made is shown with its secret, this once: no other address could show it again."""
    try:
        wanted = asked(CreateChannel, type="webhook", name=form.text("name"), url=form.text("url"))
        made = await channels.make(call, wanted)
    except REFUSED as error:
        return await _list(call, form, refused(error))
    return render(call, "channel_made.html", 201, made=made)


async def enable(call: Call, _: Form) -> Response:
    await channels.call_again(call)
    return see("/channels?said=enabled")


async def confirm(call: Call) -> Response:
    return render(call, "channel_delete.html", channel=await channels.find(call))


async def delete(call: Call, _: Form) -> Response:
    await channels.remove(call)
    return see("/channels?said=deleted")


async def _list(call: Call, form: Form | None = None, error: Refused | None = None) -> Response:
    found = await channels.page(call)
    return render(
        call, "channels.html", error.status if error else 200, found=found, form=form or Form(), error=error
    )
