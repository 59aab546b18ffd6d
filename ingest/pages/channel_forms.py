"""The forms of channels, a fieldset for each kind, as the bodies of the API's calls."""

from __future__ import annotations

from typing import Any

from ingest.api.channel_bodies import CreateApprise, CreateChannel, CreateEmail, CreateWebhook, PatchChannel
from ingest.pages.forms import Form, asked
from store.errors import Invalid

KINDS = ("webhook", "email", "apprise")


def kind_of(form: Form) -> str:
    """Which kind a form is for; the plainest if it does not say."""
    return form.text("type") or "webhook"


def asked_new(form: Form) -> CreateChannel:
    """A form as the body that makes a channel.

    Raises:
        Invalid: there is no such kind, or a field is bad.
    """
    kind = kind_of(form)
    common = {"name": form.text("name"), "is_default": _is_default(form), "burst": _burst(form)}
    if kind == "webhook":
        return asked(CreateWebhook, url=form.text("url"), headers=_headers(form), **common)
    if kind == "email":
        return asked(CreateEmail, to=_addresses(form), **common)
    if kind == "apprise":
        return asked(CreateApprise, url=form.text("url"), **common)
    raise Invalid(f"A kind is one of {', '.join(KINDS)}.", "type")


def asked_change(form: Form, kind: str) -> PatchChannel:
    """A form as the body that changes a channel of this kind; an address that is kept secret stays if none is typed.

    Raises:
        Invalid: a field is bad.
    """
    fields: dict[str, Any] = {
        "name": form.text("name"),
        "is_default": _is_default(form),
        "burst": _burst(form),
    }
    if kind == "webhook":
        fields |= {"url": form.text("url"), "headers": _headers(form)}
    elif kind == "email":
        fields["to"] = _addresses(form)
    elif form.text("url"):
        fields["url"] = form.text("url")
    return asked(PatchChannel, **fields)


def _is_default(form: Form) -> bool:
    return form.text("default") == "on"


def _burst(form: Form) -> dict[str, str] | None:
    """Without a number nothing is collected."""
    size, seconds = form.text("burst_size"), form.text("burst_seconds")
    if not size:
        return None
    return {"size": size, "windowSeconds": seconds} if seconds else {"size": size}


def _addresses(form: Form) -> list[str]:
    return form.text("to").replace(",", " ").split()


def _headers(form: Form) -> dict[str, str]:
    """A header a line."""
    headers: dict[str, str] = {}
    for line in filter(None, map(str.strip, form.text("headers").splitlines())):
        name, colon, value = line.partition(":")
        if not colon or name.strip().lower() in headers:
            raise Invalid("A header is a line of its own, as Name: value, and each is there once.", "headers")
        headers[name.strip().lower()] = value.strip()
    return headers
