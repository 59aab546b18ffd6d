"""The fleet: all monitors of the organisation."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import monitors
from ingest.api.call import Call
from ingest.pages.render import render


async def show(call: Call) -> Response:
    return render(call, "fleet.html", fleet=await monitors.page(call))
