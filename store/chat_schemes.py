"""The services for people that a channel of the kind `apprise` may speak to, by the scheme of their address.

A closed list: Apprise knows many more, among them some that run programs or write files on this machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from store.errors import Invalid

SERVICES: Mapping[str, str] = {
    "slack": "Slack",
    "discord": "Discord",
    "tgram": "Telegram",
    "workflow": "Microsoft Teams (workflows)",
    "gchat": "Google Chat",
    "wxteams": "Webex Teams",
    "mmost": "Mattermost",
    "mmosts": "Mattermost over HTTPS",
    "rocket": "Rocket.Chat",
    "rockets": "Rocket.Chat over HTTPS",
    "matrix": "Matrix",
    "matrixs": "Matrix over HTTPS",
    "zulip": "Zulip",
    "signal": "Signal",
    "signals": "Signal over HTTPS",
    "pagerduty": "PagerDuty",
    "opsgenie": "Opsgenie",
    "splunk": "Splunk On-Call",
    "ntfy": "ntfy",
    "ntfys": "ntfy over HTTPS",
    "gotify": "Gotify",
    "gotifys": "Gotify over HTTPS",
    "pover": "Pushover",
    "pbul": "Pushbullet",
    "twilio": "Twilio",
}
MAX_ADDRESS = 2048
MASK = "***"
_ADDRESS = re.compile(r"([a-z]+)://([\x21-\x7e]+)", re.ASCII)


def check_chat_address(address: str, former: str = "") -> str:
    """The address itself; the former one, if it is given as it was shown.

    Raises:
        Invalid: it is no address of a service on the list, or another one than the former and masked; names `url`.
    """
    if former and address == masked(former):
        return former
    if MASK in address:
        raise Invalid(f"{MASK} stands for what is not shown; write the whole address.", "url")
    match = _ADDRESS.fullmatch(address) if len(address) <= MAX_ADDRESS else None
    if match is None:
        raise Invalid(
            f"An address looks like slack://…, has at most {MAX_ADDRESS} ASCII characters and no blanks.",
            "url",
        )
    if match[1] not in SERVICES:
        raise Invalid(f"The service has to be one of {', '.join(SERVICES)}.", "url")
    return address


def masked(address: str) -> str:
    """An address as it may be shown: everything after the scheme may be a secret."""
    return f"{address.partition('://')[0]}://{MASK}"
