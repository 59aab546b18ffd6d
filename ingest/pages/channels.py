"""Who is told: the channels, a form for one more of each kind, and a page for each with what can be done to it."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import channels
from ingest.api.call import Call
from ingest.api.channel_bodies import USUAL_BURST
from ingest.api.channel_replies import SecretReply
from ingest.pages.channel_forms import asked_change, asked_new, kind_of
from ingest.pages.forms import REFUSED, Form, Refused, refused
from ingest.pages.render import render, see
from store.chat_schemes import SERVICES
from store.errors import Conflict


async def show(call: Call) -> Response:
    return await _list(call)


async def create(call: Call, form: Form) -> Response:
    """A webhook that was made is shown with its secret, this once: no other address could show it again."""
    try:
        made = await channels.make(call, asked_new(form))
    except REFUSED as error:
        return await _list(call, form, refused(error))
    if not isinstance(made, SecretReply):
        return see(f"/channels/{made.id}?said=made")
    return render(call, "channel_made.html", 201, made=made, is_new=True)


async def show_one(call: Call) -> Response:
    return await _one(call)


async def change(call: Call, form: Form) -> Response:
    kind = (await channels.find(call)).type
    try:
        await channels.edit(call, asked_change(form, kind))
    except REFUSED as error:
        return await _one(call, form, refused(error))
    return see(f"/channels/{call.public_id}?said=changed")


async def test(call: Call, _: Form) -> Response:
    try:
        tried = await channels.try_out(call)
    except REFUSED as error:
        return await _one(call, None, refused(error))
    return see(f"/channels/{call.public_id}?said=tried&delivery={tried.delivery_id}")


async def confirm_rotation(call: Call) -> Response:
    return await _ask_to_rotate(call)


async def rotate(call: Call, form: Form) -> Response:
    """Make the secret, or ask again if it would end one that is still in force."""
    try:
        made = await channels.replace_secret(call, form.text("force") == "true")
    except Conflict as error:
        return await _ask_to_rotate(call, refused(error))
    return render(call, "channel_made.html", made=made, is_new=False)


async def enable(call: Call, _: Form) -> Response:
    await channels.call_again(call)
    return see("/channels?said=enabled")


async def confirm(call: Call) -> Response:
    return render(call, "channel_delete.html", channel=await channels.find(call))


async def delete(call: Call, _: Form) -> Response:
    await channels.remove(call)
    return see("/channels?said=deleted")


async def _ask_to_rotate(call: Call, error: Refused | None = None) -> Response:
    return render(
        call,
        "channel_rotate.html",
        error.status if error else 200,
        channel=await channels.find(call),
        error=error,
    )


async def _list(call: Call, form: Form | None = None, error: Refused | None = None) -> Response:
    return render(
        call,
        "channels.html",
        error.status if error else 200,
        found=await channels.page(call),
        form=form or Form(),
        error=error,
        typed=kind_of(form) if form else None,
        burst=USUAL_BURST,
        services=[name for name in SERVICES.values() if not name.endswith("over HTTPS")],
        can_mail=call.settings.smtp_url is not None,
    )


async def _one(call: Call, form: Form | None = None, error: Refused | None = None) -> Response:
    return render(
        call,
        "channel.html",
        error.status if error else 200,
        channel=await channels.find(call),
        form=form,
        error=error,
        burst=USUAL_BURST,
        delivery=call.request.query_params.get("delivery", ""),
    )
