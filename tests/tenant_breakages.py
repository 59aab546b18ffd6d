"""Deliberate breakages of what keeps organisations apart: each leaves out one filter by organisation."""

from __future__ import annotations

from tests.breakage import Breakage

TENANT_BREAKAGES: dict[str, Breakage] = {
    "monitors are found whosever they are": Breakage(
        "store/book/monitor_rows.py",
        'FIND = _SELECT + "WHERE m.org_id = ? AND m.public_id = ?"',
        'FIND = _SELECT + "WHERE ? > 0 AND m.public_id = ?"',
        "tests/ingest/api/test_tenants.py::test_what_is_not_yours_is_not_there",
    ),
    "deliveries are listed whosever they are": Breakage(
        "store/book/letter_reader.py",
        'PAGE_OF_ORG = _DELIVERY + "WHERE org_id = ? AND',
        'PAGE_OF_ORG = _DELIVERY + "WHERE ? > 0 AND',
        "tests/ingest/api/test_tenants.py::test_what_is_not_yours_is_not_there",
    ),
    "API keys are listed whosever they are": Breakage(
        "store/book/keys.py",
        'PAGE = _SELECT + "WHERE org_id = ? AND id > ?',
        'PAGE = _SELECT + "WHERE ? > 0 AND id > ?',
        "tests/ingest/api/test_tenants.py::test_what_is_not_yours_is_not_there",
    ),
    "API keys are revoked whosever they are": Breakage(
        "store/book/keys.py",
        'FIND = _SELECT + "WHERE org_id = ? AND id = ?"',
        'FIND = _SELECT + "WHERE ? > 0 AND id = ?"',
        "tests/ingest/api/test_tenants.py::test_what_is_not_yours_is_not_there",
    ),
    "channels are listed whosever they are": Breakage(
        "store/book/channels.py",
        'PAGE = _SELECT + "WHERE org_id = ? AND id > ?',
        'PAGE = _SELECT + "WHERE ? > 0 AND id > ?',
        "tests/ingest/api/test_tenants.py::test_what_is_not_yours_is_not_there",
    ),
    "channels are found whosever they are": Breakage(
        "store/book/channels.py",
        'FIND = _SELECT + "WHERE org_id = ? AND public_id',
        'FIND = _SELECT + "WHERE ? > 0 AND public_id',
        "tests/ingest/api/test_tenants.py::test_what_is_not_yours_is_not_there",
    ),
    "channels are deleted whosever they are": Breakage(
        "store/book/channels.py",
        'DELETE = "DELETE FROM channels WHERE org_id = ? AND',
        'DELETE = "DELETE FROM channels WHERE ? > 0 AND',
        "tests/ingest/api/test_tenants.py::test_what_is_not_yours_is_not_there",
    ),
    "everybody has the same default channels": Breakage(
        "store/book/channels.py",
        'DEFAULT = _SELECT + "WHERE org_id = ? AND',
        'DEFAULT = _SELECT + "WHERE ? > 0 AND',
        "tests/ingest/api/test_tenants.py::test_what_is_theirs_tells_nothing_of_yours",
    ),
    "a monitor names channels whosever they are": Breakage(
        "store/book/monitor_channels.py",
        "SELECT ?, id, ? FROM channels WHERE org_id = ? AND",
        "SELECT ?, id, ? FROM channels WHERE ? > 0 AND",
        "tests/ingest/api/test_tenants.py::test_what_a_body_names_has_to_be_yours_too",
    ),
    "tags are shared by all": Breakage(
        "store/book/monitor_rows.py",
        "WHERE wanted.org_id = ? AND wanted.tag",
        "WHERE ? > 0 AND wanted.tag",
        "tests/ingest/api/test_tenants.py::test_what_is_theirs_tells_nothing_of_yours",
    ),
    "a threshold alert tells channels whosever they are": Breakage(
        "store/book/metric_alerts.py",
        'CHANNEL = "SELECT id FROM channels WHERE org_id = ? AND',
        'CHANNEL = "SELECT id FROM channels WHERE ? > 0 AND',
        "tests/ingest/api/test_tenants.py::test_what_a_body_names_has_to_be_yours_too",
    ),
    "threshold alerts are listed whosever they are": Breakage(
        "store/book/metric_alerts.py",
        'PAGE = _SELECT + "WHERE a.org_id = ?',
        'PAGE = _SELECT + "WHERE ? > 0',
        "tests/store/book/test_other_orgs.py::test_what_is_anothers_is_not_there[a page of threshold alerts]",
    ),
    "threshold alerts are found whosever they are": Breakage(
        "store/book/metric_alerts.py",
        'FIND = _SELECT + "WHERE a.org_id = ?',
        'FIND = _SELECT + "WHERE ? > 0',
        "tests/store/book/test_other_orgs.py::test_what_is_anothers_is_not_there[a threshold alert]",
    ),
    "threshold alerts are deleted whosever they are": Breakage(
        "store/book/metric_alerts.py",
        "DELETE FROM metric_alerts WHERE org_id = ? AND",
        "DELETE FROM metric_alerts WHERE ? > 0 AND",
        "tests/store/book/test_other_orgs.py::test_what_is_anothers_is_not_there[a threshold alert to be deleted]",
    ),
    "threshold alerts are made for monitors whosever they are": Breakage(
        "store/book/metric_alerts.py",
        'MONITOR = "SELECT 1 FROM monitors WHERE org_id = ? AND',
        'MONITOR = "SELECT 1 FROM monitors WHERE ? > 0 AND',
        "tests/store/book/test_other_orgs.py::test_what_is_anothers_is_not_there[a threshold alert for a monitor]",
    ),
}
