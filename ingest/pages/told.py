"""What would be told of a monitor, and to whom."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from ingest.api import monitors, preview
from ingest.api.call import Call
from ingest.pages.render import render

# What the page calls each occasion.
OCCASIONS = {
    "silence": "It falls silent",
    "fail": "It says that it failed",
    "overrun": "A run takes too long",
    "reminder": "It is still down",
    "up": "It is up again",
}


async def show(call: Call) -> Response:
    found = await preview.find(call)
    monitor = await monitors.find(call, call.public_id)
    return render(
        call,
        "monitor_told.html",
        monitor=monitor,
        address=f"/monitors/{monitor.id}",
        found=found,
        kinds={one.type for one in found.channels},
        call_body=msgspec.json.format(bytes(found.messages.webhook.body), indent=2).decode(),
        occasions=OCCASIONS,
    )
