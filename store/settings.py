"""Every setting of Overdue in one table: name, default, type, one sentence. A bad one stops the start.

A setting comes from the environment (`OVERDUE_PORT=9000`) or from `overdue.toml` in the working directory, under the
same name without the prefix, in lower case (`port = 9000`). The environment wins. `docs/settings.md` shows this table;
a test holds the two together.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from store.errors import SettingError
from store.mail_server import MailServer, read_mail_server, read_sender
from store.plans import PlanChange, read_plans
from store.setting_values import IPNetwork as IPNetwork
from store.setting_values import Secret as Secret
from store.setting_values import parse_admin_key as _admin_key
from store.setting_values import parse_base_url as _base_url
from store.setting_values import parse_bytes as _bytes
from store.setting_values import parse_folder as _folder
from store.setting_values import parse_host as _host
from store.setting_values import parse_networks as _networks
from store.setting_values import parse_node as _node
from store.setting_values import parse_number as _number
from store.setting_values import parse_redis_url as _redis_url
from store.setting_values import parse_switch as _switch
from store.setting_values import parse_text as _text

MOST_WORKERS = 64

SETTINGS_FILE = "overdue.toml"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings after reading: typed, checked, immutable. `plans` come from `overdue.toml` alone."""

    host: str
    port: int
    data: Path
    redis_url: str
    redis_maxmemory: int
    admin_key: Secret
    base_url: str
    plan: str
    private_targets: tuple[IPNetwork, ...]
    smtp_url: MailServer | None
    mail_from: str
    shards: int
    node: str
    workers: int
    history_days: int
    samples_days: int
    minutes_days: int
    hours_days: int
    forwarded_allow_ips: str
    lane: bool
    access_log: bool
    plans: tuple[PlanChange, ...] = ()


class Setting(msgspec.Struct, frozen=True):
    """One row of the table. `parse` turns the text into the value or raises ValueError with a sentence."""

    name: str
    default: str
    shown_default: str
    meaning: str
    parse: Callable[[str], Any]

    @property
    def variable(self) -> str:
        return "OVERDUE_" + self.name.upper()


TABLE: tuple[Setting, ...] = (
    Setting("host", "127.0.0.1", "127.0.0.1", "Address that ingest listens on.", _host),
    Setting("port", "8000", "8000", "Port that ingest listens on.", _number(1, 65535)),
    Setting(
        "data",
        "./data",
        "./data",
        "Folder of `admin-key`, `config.db`, `history.db` and the embedded Valkey's files; "
        "may exist and hold other files.",
        _folder,
    ),
    Setting(
        "redis_url",
        "",
        "empty: the embedded Valkey",
        "Server to use instead of the embedded one: `redis://`, `rediss://` or `unix://`.",
        _redis_url,
    ),
    Setting(
        "redis_maxmemory",
        "",
        "half of the machine's memory",
        "Memory limit of the embedded Valkey, such as `512mb` or `4gb`.",
        _bytes,
    ),
    Setting(
        "admin_key",
        "",
        "generated on the first start, printed once",
        "API key of the first organisation; setting another one revokes the former.",
        _admin_key,
    ),
    Setting(
        "base_url",
        "",
        "derived from the request",
        "Base of the ping URLs that are handed out, and of the links in messages, which have none without it.",
        _base_url,
    ),
    Setting("plan", "", "unlimited", "Plan of the first organisation.", _text),
    Setting(
        "private_targets",
        "",
        "empty: none",
        "Private networks that channels may reach, as CIDRs separated by commas.",
        _networks,
    ),
    Setting(
        "smtp_url",
        "",
        "empty: no mail",
        "Server that takes mail for channels, such as `smtp://user:password@mail.example.org:587`; "
        "`smtps://` for TLS from the start, `?tls=never` or `?tls=offered` where the server has none.",
        read_mail_server,
    ),
    Setting(
        "mail_from",
        "",
        "needed for mail",
        "Sender of mail, such as `Overdue <overdue@example.org>`.",
        read_sender,
    ),
    Setting(
        "shards",
        "1",
        "1",
        "Number of shards in Redis; fixed for an installation at its first start.",
        _number(1, 256),
    ),
    Setting(
        "node",
        "main",
        "main",
        "Name of this machine among several that share one Redis; each needs its own.",
        _node,
    ),
    Setting("workers", "1", "1", "Ingest processes that share the port.", _number(1, MOST_WORKERS)),
    Setting("history_days", "30", "30", "Days that pings are kept in `history.db`.", _number(1, 3660)),
    Setting("samples_days", "7", "7", "Days that single values of metrics are kept.", _number(1, 3660)),
    Setting("minutes_days", "35", "35", "Days that metrics are kept by the minute.", _number(1, 3660)),
    Setting("hours_days", "400", "400", "Days that metrics are kept by the hour.", _number(1, 36600)),
    Setting(
        "forwarded_allow_ips",
        "127.0.0.1",
        "127.0.0.1",
        "Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, as uvicorn has them.",
        _text,
    ),
    Setting("lane", "on", "on", "The express lane: `off` sends every ping through Starlette.", _switch),
    Setting(
        "access_log",
        "off",
        "off",
        "A line on stderr for every request, ping keys left out: `on` or `off`.",
        _switch,
    ),
)


def read_settings(environ: Mapping[str, str] | None = None, config_file: Path | None = None) -> Settings:
    """Read every setting from the environment and `overdue.toml`.

    Raises:
        SettingError: a value is bad, or the file holds an unknown name; the message names it.
    """
    environ = os.environ if environ is None else environ
    config_file = Path(SETTINGS_FILE) if config_file is None else config_file
    raw = _read_file(config_file)
    values: dict[str, Any] = {"plans": read_plans(raw.pop("plans", {}), config_file)}
    from_file = _as_texts(raw, config_file)
    for setting in TABLE:
        where, text = setting.variable, environ.get(setting.variable)
        if text is None and setting.name in from_file:
            where, text = f"{setting.name} in {config_file}", from_file[setting.name]
        try:
            values[setting.name] = setting.parse(setting.default if text is None else text)
        except ValueError as error:
            raise SettingError(where, str(error)) from error
    if values["smtp_url"] and not values["mail_from"]:
        raise SettingError("OVERDUE_MAIL_FROM", "it is needed where OVERDUE_SMTP_URL is set")
    return Settings(**values)


def _read_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingError(str(path), f"cannot be read: {error}") from error


def _as_texts(raw: Mapping[str, Any], path: Path) -> dict[str, str]:
    """The values of `overdue.toml` as texts; a list becomes its items joined by commas."""
    known = {setting.name for setting in TABLE}
    for name in raw:
        if name not in known:
            raise SettingError(f"{name} in {path}", "there is no such setting")
    return {name: _as_text(name, value, path) for name, value in raw.items()}


def _as_text(name: str, value: object, path: Path) -> str:
    if isinstance(value, list):
        return ",".join(_as_text(name, item, path) for item in value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise SettingError(f"{name} in {path}", "must be a text or a whole number")
    return str(value)
