"""Asks a running Overdue whether all its parts are ready."""

from __future__ import annotations

import httpx

ANSWER_BOUND_S = 2.0
LONGEST_ANSWER = 300


def open_client(address: str) -> httpx.AsyncClient:
    """A client for one Overdue on this machine, past any proxy that the environment names."""
    return httpx.AsyncClient(base_url=address, trust_env=False, timeout=ANSWER_BOUND_S)


async def what_is_missing(client: httpx.AsyncClient) -> str:
    """Why `GET /readyz` does not answer 200, in a few words; empty if it does."""
    try:
        reply = await client.get("/readyz")
    except httpx.TimeoutException:
        return "ingest does not answer yet"
    except httpx.TransportError as error:
        return f"nothing answers at {client.base_url} ({error})"
    if reply.status_code == 200:
        return ""
    return " ".join(reply.text[:LONGEST_ANSWER].split()) or f"/readyz answers {reply.status_code}"
