"""Who may call the API and sign in: the keys, a form for one more, and a page that asks before one is revoked."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import api_keys
from ingest.api.api_keys import CreateKey
from ingest.api.call import Call
from ingest.pages.forms import REFUSED, Form, Refused, asked, refused
from ingest.pages.render import render, render_in_turns, see


async def show(call: Call) -> Response:
    return await _list(call)


async def create(call: Call, form: Form) -> Response:
    """A key that was made is shown, this once: no other address could show it again."""
    try:
        made = await api_keys.make(call, asked(CreateKey, name=form.text("name"), scope=form.text("scope")))
    except REFUSED as error:
        return await _list(call, form, refused(error))
    return render(call, "key_made.html", 201, made=made)


async def confirm(call: Call) -> Response:
    return render(call, "key_revoke.html", key=await api_keys.find(call))


async def revoke(call: Call, _: Form) -> Response:
    await api_keys.end(call)
    return see("/keys?said=revoked")


async def _list(call: Call, form: Form | None = None, error: Refused | None = None) -> Response:
    found = await api_keys.page(call)
    return await render_in_turns(
        call, "keys.html", error.status if error else 200, found=found, form=form or Form(), error=error
    )
