"""The organisation: what its plan allows, and how much of that is used."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import organisation
from ingest.api.call import Call
from ingest.pages.render import render


async def show(call: Call) -> Response:
    return render(call, "plan.html", org=await organisation.find(call))
