"""Where people see more, if it is known where this installation is reached."""

from __future__ import annotations


def monitor_page(base_url: str, monitor_id: str) -> str | None:
    return f"{base_url}/monitors/{monitor_id}" if base_url else None


def channels_page(base_url: str) -> str | None:
    return f"{base_url}/channels" if base_url else None


def first_page(base_url: str) -> str | None:
    return f"{base_url}/" if base_url else None
