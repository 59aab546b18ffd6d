"""Who was told what: every delivery with how it went, each one's attempts, and dead letters sent again."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import deliveries
from ingest.api.call import Call
from ingest.api.deliveries import STATES
from ingest.pages.forms import Form
from ingest.pages.render import render, render_in_turns, see
from store.book import channels

# So many can be chosen from; whoever has more writes the id into the address.
MOST_CHANNELS = 1000


async def show(call: Call) -> Response:
    query = call.request.query_params
    return await render_in_turns(
        call,
        "deliveries.html",
        found=await deliveries.page(call),
        channels=await channels.page(call.book, call.org_id, 0, MOST_CHANNELS),
        states=STATES,
        chosen={name: query.get(name, "") for name in ("state", "channel", "monitor")},
    )


async def show_one(call: Call) -> Response:
    return render(call, "delivery.html", one=await deliveries.find(call))


async def retry(call: Call, _: Form) -> Response:
    await deliveries.put_back(call)
    return see(f"/deliveries/{call.public_id}?said=retried")
