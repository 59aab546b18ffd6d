"""Who was told what: every delivery with how it went, each one's attempts, and dead letters sent again."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import channels, deliveries
from ingest.api.call import Call
from ingest.api.deliveries import STATES
from ingest.pages.forms import Form
from ingest.pages.render import render, see


async def show(call: Call) -> Response:
    query = call.request.query_params
    return render(
        call,
        "deliveries.html",
        found=await deliveries.page(call),
        channels=(await channels.page(call)).channels if "cursor" not in query else [],
        states=STATES,
        chosen={name: query.get(name, "") for name in ("state", "channel", "monitor")},
    )


async def show_one(call: Call) -> Response:
    return render(call, "delivery.html", one=await deliveries.find(call))


async def retry(call: Call, _: Form) -> Response:
    await deliveries.put_back(call)
    return see(f"/deliveries/{call.public_id}?said=retried")
