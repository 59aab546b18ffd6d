"""Everything that went wrong in the organisation, newest first."""

from __future__ import annotations

from starlette.responses import Response

from ingest.api import history
from ingest.api.call import Call
from ingest.pages.render import render_in_turns


async def show(call: Call) -> Response:
    only_open = call.request.query_params.get("open") == "true"
    found = await history.incidents_page_of_all(call)
    return await render_in_turns(call, "incidents.html", found=found, only_open=only_open)
