"""`overdue import` of a file of configuration: what it means, what it refuses, and what it says of both."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.overdue.as_file.at_hand import FLEET, SECRET, WOULD_CHANGE, Desk
from tests.overdue.test_import import adopt, watched
from tests.servers import running_server, valkey_binary

UNKNOWN = "6f2a7a0e-5a0e-4f0b-9a43-0d0b5a1f3c77"


def monitors(desk: Desk) -> list[tuple[object, ...]]:
    return desk.rows("SELECT name, interval_s, grace_s, paused FROM monitors ORDER BY id")


def id_of(desk: Desk, name: str) -> str:
    [(public_id,)] = desk.rows(
        f"SELECT public_id FROM monitors WHERE name = '{name}' UNION "
        f"SELECT public_id FROM channels WHERE name = '{name}'"
    )
    return str(public_id)


def test_a_dry_run_says_what_would_change_and_changes_nothing(desk: Desk) -> None:
    before = desk.everything()

    tried = desk.bring(FLEET, "--dry-run")

    assert tried.exit_code == WOULD_CHANGE
    assert desk.everything() == before
    assert tried.stderr == "5 would be made.\n"
    assert desk.bring(FLEET).stdout == tried.stdout


def test_the_changes_are_said_line_by_line(desk: Desk) -> None:
    desk.brought(FLEET)
    changed = (
        FLEET.replace("gracePeriod = 3600", "gracePeriod = 60")
        .replace('tags = ["prod", "db"]\n', "")
        .replace("threshold = 100", "threshold = 200")
        .replace("Bearer planted", "Bearer other")
        .replace('name = "hourly"', 'name = "daily"')
        .replace('channels = ["on call", "night watch"]', 'channels = ["on call"]')
    )

    lines = desk.brought(changed, "--prune")

    assert lines == [
        '~ channel "on call"',
        '    headers: {"authorization":"***"} (another one)',
        '- monitor "hourly"',
        '~ monitor "backup"',
        "    gracePeriod: 3600 -> 60",
        '    tags: ["prod","db"] -> []',
        '    channels: ["on call","night watch"] -> ["on call"]',
        '~ metric alert queue_size > 100 of monitor "backup"',
        "    threshold: 100 -> 200",
        '+ monitor "daily"',
        "    interval = 3600",
    ]
    assert desk.bring(changed, "--prune", "--dry-run").exit_code == 0


def test_what_a_table_leaves_out_is_as_if_it_were_new_but_for_a_pause(desk: Desk) -> None:
    desk.brought('[[monitors]]\nname = "a"\ninterval = 120\ngracePeriod = 5\npaused = true\n')

    lines = desk.brought('[[monitors]]\nname = "a"\n')

    assert lines == ['~ monitor "a"', "    interval: 120 -> 60", "    gracePeriod: 5 -> 30"]
    assert monitors(desk) == [("a", 60, 30, 1)]
    desk.brought('[[monitors]]\nname = "a"\npaused = false\n')
    assert monitors(desk) == [("a", 60, 30, 0)]


def test_what_can_be_null_is_switched_off_by_false(desk: Desk) -> None:
    channel = '[[channels]]\nname = "chat"\ntype = "apprise"\nurl = "ntfys://t"\n'
    desk.brought(channel)
    assert desk.rows("SELECT burst_size, burst_window_s FROM channels") == [(5, 60)]

    lines = desk.brought(channel + "burst = false\n")

    assert lines == ['~ channel "chat"', '    burst: {"size":5,"windowSeconds":60} -> false']
    assert desk.rows("SELECT burst_size FROM channels") == [(None,)]
    assert desk.brought(channel.replace("ntfys://t", "ntfys://***")) == [
        '~ channel "chat"',
        '    burst: false -> {"size":5,"windowSeconds":60}',
    ]


def test_a_schedule_takes_the_place_of_an_interval_and_the_other_way_round(desk: Desk) -> None:
    """What is left out of both is the usual interval, and the usual time zone."""
    desk.brought('[[monitors]]\nname = "a"\ninterval = 120\n')

    assert desk.brought('[[monitors]]\nname = "a"\nschedule = "0 3 * * *"\n') == [
        '~ monitor "a"',
        "    interval: 120 -> false",
        '    schedule: false -> "0 3 * * *"',
        '    timezone: false -> "UTC"',
    ]
    assert "interval" not in desk.exported()
    assert desk.bring('[[monitors]]\nname = "a"\nschedule = "0 3 * * *"\n', "--dry-run").stdout == ""
    assert desk.brought('[[monitors]]\nname = "a"\n')[1] == "    interval: false -> 60"
    assert desk.refused('[[monitors]]\nname = "a"\nschedule = "0 3 * *"\n')[0].startswith(
        'line 3, monitor "a": schedule: '
    )
    assert desk.refused('[[monitors]]\nname = "a"\nschedule = "0 3 * * *"\ninterval = 60\n') != []


def test_a_name_means_what_is_called_so_and_an_id_what_it_is(desk: Desk) -> None:
    desk.brought('[[monitors]]\nname = "a"\n[[monitors]]\nname = "b"\n')
    a, b = id_of(desk, "a"), id_of(desk, "b")

    lines = desk.brought(f'[[monitors]]\nid = "{a}"\nname = "b"\n[[monitors]]\nid = "{b}"\nname = "a"\n')

    assert lines == ['~ monitor "a"', '    name: "a" -> "b"', '~ monitor "b"', '    name: "b" -> "a"']
    assert (id_of(desk, "a"), id_of(desk, "b")) == (b, a)


def test_the_name_of_what_an_id_renames_is_free_for_another_one(desk: Desk) -> None:
    desk.brought('[[monitors]]\nname = "a"\n')
    a = id_of(desk, "a")

    renaming = f'[[monitors]]\nname = "a"\n[[monitors]]\nid = "{a}"\nname = "b"\n'

    assert desk.brought(renaming) == ['+ monitor "a"', '~ monitor "a"', '    name: "a" -> "b"']
    assert id_of(desk, "b") == a


def test_a_table_whose_meaning_is_not_plain_is_refused_with_its_line(desk: Desk) -> None:
    desk.brought('[[monitors]]\nname = "a"\n[[monitors]]\nname = "b"\n')
    a, b = id_of(desk, "a"), id_of(desk, "b")
    desk.brought(f'[[monitors]]\nid = "{b}"\nname = "a"\n')

    assert desk.refused('[[monitors]]\nname = "a"\n') == [
        f'line 2, monitor "a": name: 2 are called "a"; say which by its id: {a}, {b}.'
    ]
    assert desk.refused('[[monitors]]\nname = "x"\n\n[[monitors]]\nname = "x"\n') == [
        'line 5, monitor "x": name: this is the name of line 1, monitor "x" too; say which by its id.'
    ]
    assert desk.refused(f'[[monitors]]\nname = "x"\nid = "{UNKNOWN}"\n') == [
        'line 3, monitor "x": id: there is no monitor with this id; leave it out to make one.'
    ]
    assert desk.refused(f'[[monitors]]\nid = "{a}"\nname="x"\n[[monitors]]\nid = "{a}"\n') == [
        'line 5, monitor: id: this is the same as line 1, monitor "x".'
    ]


def test_nothing_is_deleted_unless_that_is_asked_for(desk: Desk) -> None:
    desk.brought(FLEET)
    only = '[[monitors]]\nname = "backup"\ninterval = 86400\ngracePeriod = 3600\n'

    assert desk.brought(only) == [
        '~ monitor "backup"',
        '    tags: ["prod","db"] -> []',
        '    channels: ["on call","night watch"] -> false',
    ]
    assert desk.brought(only, "--prune") == [
        '- monitor "hourly"',
        '- metric alert queue_size > 100 of monitor "backup"',
    ]
    assert desk.brought("channels = []\n", "--prune") == ['- channel "on call"', '- channel "night watch"']
    assert desk.brought("", "--prune") == []
    assert [name for name, *_ in monitors(desk)] == ["backup"]
    assert desk.rows("SELECT * FROM metric_alerts UNION SELECT 1,1,1,1,1,1,1,1,1,1,1 FROM channels") == []


def test_what_is_pruned_makes_room_in_the_plan(desk: Desk) -> None:
    def fleet(first: int) -> str:
        return "".join(f'[[monitors]]\nname = "job {first + one}"\n' for one in range(20))

    desk.brought(fleet(0), "--org", "small")
    assert desk.refused(fleet(20), "--org", "small")[0] == (
        "line 1, monitor \"job 20\": The plan 'free' has room for 20 monitors, and all are taken."
    )
    assert len(desk.brought(fleet(20), "--org", "small", "--prune")) == 20 + 20 * 1


def test_a_monitor_that_is_refused_takes_no_room_from_others(desk: Desk) -> None:
    """20 is what fits; one of them has two mistakes, and would be made with either of them alone."""
    text = "".join(f'[[monitors]]\nname = "job {number}"\n' for number in range(19))
    bad = '[[monitors]]\nname = "bad"\npaused = 3\nchannels = ["nobody"]\ntags = ["a,b"]\n'
    assert [line.split(": ")[1] for line in desk.refused(bad + text, "--org", "small")] == [
        "paused",
        "channels",
        "tags",
    ]


def test_a_plan_limits_intervals(desk: Desk) -> None:
    assert desk.refused('[[monitors]]\nname = "a"\ninterval = 60\n', "--org", "small") == [
        "line 3, monitor \"a\": interval: The plan 'free' takes no interval under 600 s."
    ]
    desk.brought('[[monitors]]\nname = "a"\n', "--org", "small")
    assert monitors(desk) == [("a", 600, 30, 0)]
    assert desk.bring('[[monitors]]\nname = "a"\n', "--org", "small", "--dry-run").exit_code == 0


def test_a_file_with_anything_bad_is_refused_whole_and_each_is_named(desk: Desk) -> None:
    desk.brought(FLEET)

    assert desk.refused(
        """\
        [[channels]]
        name = "new"
        type = "webhook"
        url = "https://example.org"

        [[monitors]]
        name = "a"
        interval = 0
        [[monitors]]
        name = "b"
        colour = "red"
        [[monitors]]
        name = "c"
        channels = ["nobody"]
          [[monitors.metricAlerts]]
          metricKey = "x"
          operator = ">"
          threshold = "text"
          channel = "new"
        [[monitors]]
        name = "backup"
          [[monitors.metricAlerts]]
          metricKey = "x"
          operator = ">"
          threshold = "text"
          channel = "new"
          [[monitors.metricAlerts]]
          metricKey = "x"
          operator = "~"
          threshold = 1
          channelId = "new"
        [[monitors]]
        interval = 60
        """
    ) == [
        "line 8, monitor \"a\": interval: The field 'interval' is not accepted: expected `int` >= 1.",
        "line 11, monitor \"b\": colour: There is no field 'colour' here.",
        'line 14, monitor "c": channels: There is no channel "nobody".',
        'line 18, metric alert "x": threshold: A text can only be compared with = and !=.',
        'line 25, metric alert "x": threshold: A text can only be compared with = and !=.',
        "line 29, metric alert \"x\": operator: The field 'operator' is not accepted: invalid enum value '~'.",
        "line 31, metric alert \"x\": channelId: There is no field 'channelId' here; "
        "say channel = and the channel's name.",
        "line 32, monitor: name: a name is needed, as a text.",
    ]


def test_bad_channels_are_named(desk: Desk) -> None:
    assert desk.refused(
        """\
        [[channels]]
        name = "a"
        type = "webhook"
        url = "ftp://example.org"
        [[channels]]
        name = "b"
        type = "fax"
        [[channels]]
        name = "c"
        type = "apprise"
        url = "slack://***"
        [[channels]]
        name = "d"
        type = "webhook"
        url = "https://example.org"
        [channels.headers]
        x-token = "***"
        [[channels]]
        name = "e"
        type = "apprise"
        url = "ntfys://topic"
        secret = "abc"
        [[channels]]
        name = "f"
        type = "webhook"
        url = "https://example.org"
        secret = "whsec_abc"
        """
    ) == [
        'line 4, channel "a": url: A URL starts with http:// or https:// and names a host.',
        'line 7, channel "b": type: A channel\'s type is webhook, email or apprise.',
        'line 11, channel "c": url: The address is masked, and unknown here; write it out.',
        'line 16, channel "d": headers: The value of x-token has 1 to 1000 printable ASCII characters, and is not ***.',
        'line 22, channel "e": secret: A channel of the kind apprise has no secret of ours.',
        'line 27, channel "f": secret: A signing secret is whsec_ and the base64 of 24 to 64 bytes.',
    ]


def test_a_kind_of_channel_stays(desk: Desk) -> None:
    desk.brought(FLEET)
    assert desk.refused('[[channels]]\nname = "on call"\ntype = "apprise"\nurl = "ntfys://t"\n') == [
        'line 3, channel "on call": type: It is of the type webhook, and that stays.'
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\nx = 1\n", "line 2: There is no section 'x' here; there are channels and monitors."),
        ("monitors = 3\n", "line 1: Write monitors as tables of their own: [[monitors]]."),
        ("[monitors]\nname = 'a'\n", "line 1: Write monitors as tables of their own: [[monitors]]."),
        (
            "[[monitors]]\nname = 'a'\nmetricAlerts = 1\n",
            "line 3: Write metricAlerts as tables of their own: [[monitors.metricAlerts]].",
        ),
    ],
)
def test_what_is_no_such_file_is_refused(desk: Desk, text: str, complaint: str) -> None:
    assert desk.refused(text) == [complaint]


def test_what_is_no_toml_is_refused_with_the_place(desk: Desk) -> None:
    result = desk.bring("[[monitors]\n")
    assert result.exit_code == 2
    assert result.stderr.startswith("overdue: fleet.toml: This is not TOML: Expected ']]'")
    assert "(at line 1" in result.stderr


def test_all_that_is_wrong_is_named_at_once_wherever_it_is(desk: Desk) -> None:
    """Several things of one table, what names a channel that is bad itself, and sections that there are not."""
    complaints = desk.refused(
        """\
        [[channels]]
        name = "on call"
        type = "webhook"
        url = "ftp://example.org"
        isDefault = "yes"
        headers = { host = "x" }
        [[channels]]
        name = "letters"
        type = "fax"
        [[windows]]
        name = "x"
        [[monitors]]
        name = "a"
        interval = 0
        gracePeriod = -1
        colour = "red"
        paused = "no"
        channels = ["nobody", "on call", "no one"]
          [[monitors.metricAlerts]]
          metricKey = ""
          operator = "~"
          threshold = true
          channel = "nobody"
          consecutiveTriggers = 0
          [[monitors.metricAlerts]]
          metricKey = "rows"
          operator = ">"
          threshold = "many"
          channel = "letters"
        [[monitors]]
        name = ""
        schedule = "never"
        timezone = "Mars"
        reminderInterval = 5
        failuresBeforeAlert = 99
        """
    )

    assert [": ".join(one.split(": ")[:2]) for one in complaints] == [
        'line 4, channel "on call": url',
        'line 5, channel "on call": isDefault',
        'line 6, channel "on call": headers',
        'line 9, channel "letters": type',
        "line 10: There is no section 'windows' here; there are channels and monitors.",
        'line 14, monitor "a": interval',
        'line 15, monitor "a": gracePeriod',
        'line 16, monitor "a": colour',
        'line 17, monitor "a": paused',
        'line 18, monitor "a": channels',
        'line 20, metric alert "": metricKey',
        'line 21, metric alert "": operator',
        'line 22, metric alert "": threshold',
        'line 23, metric alert "": channel',
        'line 24, metric alert "": consecutiveTriggers',
        'line 28, metric alert "rows": threshold',
        'line 31, monitor "": name',
        'line 32, monitor "": schedule',
        'line 33, monitor "": timezone',
        'line 34, monitor "": reminderInterval',
        'line 35, monitor "": failuresBeforeAlert',
    ]
    assert complaints[9].endswith('There is no channel "nobody". There is no channel "no one".')


def test_a_change_names_all_that_is_wrong_with_it_too(desk: Desk) -> None:
    desk.brought(FLEET)
    bad = FLEET.replace("interval = 86400", "interval = 0\nmaxRuntime = -1").replace(
        'url = "https://example.org/overdue"', 'url = "x"\nburst = 3'
    )
    assert [line.split(": ")[1] for line in desk.refused(bad)] == ["url", "burst", "interval", "maxRuntime"]


def test_what_is_no_text_is_refused(desk: Desk) -> None:
    (desk.folder / "fleet.toml").write_bytes(b"[[monitors]]\nname = '\xff'\n")
    result = desk.run("import", "fleet.toml")
    assert (result.exit_code, "This is not UTF-8" in result.stderr) == (2, True)


def test_of_very_much_that_is_bad_the_first_is_named(desk: Desk) -> None:
    text = "".join(f'[[monitors]]\nname = "{number}"\ninterval = 0\n' for number in range(130))
    assert desk.refused(text)[-1] == "and 30 more"


def test_a_mask_keeps_what_is_there(desk: Desk) -> None:
    desk.brought(FLEET)
    masked = desk.exported().replace('url = "https://example.org/overdue"', 'url = "https://example.org/new"')
    before = desk.exported("--with-secrets")

    lines = desk.brought(masked)

    assert lines[0] == '~ channel "on call"'
    assert desk.exported("--with-secrets") == before.replace("/overdue", "/new")


def test_a_channel_without_its_secret_keeps_it_or_gets_another_one(desk: Desk) -> None:
    drawn = desk.bring(FLEET.replace(f'secret = "{SECRET}"\n', ""))
    assert 'A signing secret was drawn for the channel "on call"' in drawn.stderr
    shown = desk.exported("--with-secrets")
    assert SECRET not in shown

    assert desk.bring(FLEET.replace(f'secret = "{SECRET}"\n', "")).stdout == ""
    assert desk.exported("--with-secrets") == shown


def test_another_secret_is_used_beside_the_former_one_for_a_day(desk: Desk) -> None:
    desk.brought(FLEET.replace(f'secret = "{SECRET}"\n', ""))
    [(before,)] = desk.rows("SELECT settings FROM channels WHERE type = 'webhook'")

    assert desk.brought(FLEET) == ['~ channel "on call"', '    secret: "***" (another one)']

    [(after,)] = desk.rows("SELECT settings FROM channels WHERE type = 'webhook'")
    assert json.loads(after)["secret"] == SECRET
    assert json.loads(after)["former"]["secret"] == json.loads(before)["secret"]


def test_rules_are_known_by_what_they_measure(desk: Desk) -> None:
    def rules(*lines: str) -> str:
        fleet = FLEET[: FLEET.index("[[monitors.metricAlerts]]")]
        return fleet + "".join(
            f'[[monitors.metricAlerts]]\nmetricKey = "{key}"\noperator = ">"\nthreshold = {threshold}\n'
            f'channel = "{channel}"\n'
            for key, threshold, channel in (line.split(",") for line in lines)
        )

    desk.brought(rules("q,100,on call", "q,200,night watch", "r,1,on call"))
    ids = desk.rows("SELECT public_id FROM metric_alerts ORDER BY id")

    assert desk.brought(rules("q,300,night watch", "q,100,on call", "r,1,night watch")) == [
        '~ metric alert q > 200 of monitor "backup"',
        "    threshold: 200 -> 300",
        '~ metric alert r > 1 of monitor "backup"',
        '    channel: "on call" -> "night watch"',
    ]
    assert desk.rows("SELECT public_id FROM metric_alerts ORDER BY id") == ids
    assert desk.brought(rules("q,100,on call", "s,1,on call"), "--prune")[-5:-4] == [
        '+ metric alert s > 1 of monitor "backup"'
    ]
    assert [key for (key,) in desk.rows("SELECT metric_key FROM metric_alerts ORDER BY id")] == ["q", "s"]


def test_ping_urls_of_new_monitors_are_written_where_they_are_asked_for(desk: Desk) -> None:
    desk.brought('[[monitors]]\nname = "there"\n')
    desk.brought('[[monitors]]\nname = "there"\n[[monitors]]\nname = "new"\n', "--output", "urls.ndjson")

    (line,) = (desk.folder / "urls.ndjson").read_text().splitlines()
    [(token,)] = desk.rows(
        "SELECT key FROM monitor_keys WHERE monitor_id = (SELECT id FROM monitors WHERE name = 'new')"
    )
    assert json.loads(line) == {
        "id": id_of(desk, "new"),
        "name": "new",
        "pingUrl": f"https://overdue.example/ping/{token}",
    }


def test_what_a_file_is_can_be_told_without_its_name(desk: Desk) -> None:
    assert desk.run("import", "-", stdin=b'[[monitors]]\nname = "a"\n').stdout.startswith("+ monitor")
    assert "pingUrl" in desk.run("import", "-", stdin=b'\xef\xbb\xbf\n {"name": "b"}\n').stdout
    assert [name for name, *_ in monitors(desk)] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "option"), [("a.ndjson", "--dry-run"), ("a.ndjson", "--prune"), ("a.toml", "--again")]
)
def test_an_option_of_the_other_kind_is_refused(desk: Desk, name: str, option: str) -> None:
    result = desk.bring('{"name": "a"}' if name == "a.ndjson" else "", option, name=name)
    assert (result.exit_code, "Error: --" in result.stderr) == (2, True)
    assert monitors(desk) == []


def test_an_unknown_organisation_is_refused(desk: Desk) -> None:
    for arguments in (("import", "fleet.toml", "--org", "nobody"), ("export", "--org", "nobody")):
        (desk.folder / "fleet.toml").write_text("")
        result = desk.run(*arguments)
        assert (result.exit_code, "no organisation named 'nobody'" in result.stderr) == (2, True)


def test_another_organisation_is_not_touched(desk: Desk) -> None:
    desk.brought(FLEET, "--org", "other")
    before = desk.exported("--with-secrets", "--org", "other")

    assert desk.exported().splitlines() == [
        '# Channels, monitors and metric alerts of the organisation "default".'
    ]
    assert len(desk.brought(FLEET.replace("ntfys://planted", "ntfys://else"))) > 5
    desk.brought("channels = []\nmonitors = []\n", "--prune")

    assert desk.exported("--with-secrets", "--org", "other") == before
    [(theirs,)] = desk.rows("SELECT public_id FROM channels WHERE name = 'on call'")
    assert desk.refused(f'[[monitors]]\nname = "x"\nchannels = ["{theirs}"]\n') == [
        f'line 3, monitor "x": channels: There is no channel "{theirs}".'
    ]


def test_without_redis_what_was_changed_waits_in_the_outbox(desk: Desk) -> None:
    result = desk.bring(FLEET)

    assert "It will be in force when Overdue runs (Redis is away" in result.stderr
    subjects = [subject for (subject,) in desk.rows("SELECT subject FROM outbox ORDER BY id")]
    assert [one.split(":")[0] for one in subjects] == ["plan", *["channels"] * 3, "monitor", "monitor"]


def test_what_was_imported_is_watched_when_the_command_ends(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_server(valkey_binary()) as server:
        monkeypatch.setenv("OVERDUE_REDIS_URL", server)
        asyncio.run(adopt(desk.data, server))

        desk.brought(FLEET, "--output", "urls.ndjson")
        urls = [
            json.loads(line)["pingUrl"] for line in (desk.folder / "urls.ndjson").read_text().splitlines()
        ]
        assert watched(desk.data, server, urls) == (2, ["backup", "hourly"])

        desk.brought(FLEET.replace('name = "hourly"', 'name = "daily"'), "--prune")
        assert watched(desk.data, server, urls) == (2, ["backup", ""])


def test_a_schedule_without_a_zone_of_its_own_is_the_same_the_second_time(desk: Desk) -> None:
    text = """
        [[monitors]]
        name = "nightly"
        schedule = "0 3 * * *"
        timezone = false
    """
    assert '    timezone = "UTC"' in desk.brought(text)
    before = desk.everything()
    for _ in range(2):
        assert desk.brought(text) == []
        assert desk.everything() == before
