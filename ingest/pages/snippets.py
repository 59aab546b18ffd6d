"""How a job pings, to be copied: a few lines for each place where jobs run."""

from __future__ import annotations

import msgspec

# `%s` is the ping URL; it holds nothing that a shell, a crontab or a string in quotes would take for something else.
_TEXTS = (
    (
        "curl",
        "At the end of a script. Numbers and texts that come along become charts.",
        "curl -fsS -m 10 --retry 5 -o /dev/null %s\n\n"
        "# with figures of this run\n"
        "curl -fsS -m 10 --retry 5 -o /dev/null \\\n"
        '  -d \'{"duration_ms": 1234, "rows": 500, "status": "complete"}\' \\\n'
        "  %s",
    ),
    (
        "start and end",
        "How long the job runs, how it ends, and its last words. The same as overdue run does by itself.",
        "curl -fsS -m 10 --retry 5 -o /dev/null %s/start\n"
        "/usr/local/bin/backup.sh > output.txt 2>&1\n"
        "code=$?\n"
        "tail -c 10000 output.txt | curl -fsS -m 10 --retry 5 -o /dev/null \\\n"
        "  --data-binary @- %s/$code",
    ),
    (
        "cron",
        "A line of a crontab: && pings only if the job went well.",
        "0 3 * * * /usr/local/bin/backup.sh && curl -fsS -m 10 --retry 5 -o /dev/null %s",
    ),
    (
        "Python",
        "With nothing but the standard library. A ping that fails must not fail the job.",
        "import json\n"
        "import urllib.request\n\n\n"
        "def ping(**figures):\n"
        '    """Say that the job went well."""\n'
        "    try:\n"
        "        body = json.dumps(figures).encode()\n"
        '        urllib.request.urlopen("%s", body, timeout=10).close()\n'
        "    except OSError as error:\n"
        '        print(f"ping failed: {error}")\n\n\n'
        "ping(rows=500, duration_ms=1234)",
    ),
    (
        "GitHub Actions",
        "The last step of a job. Keep the URL in a secret called OVERDUE_PING_URL:\n%s",
        "- name: Ping Overdue\n"
        "  if: success()\n"
        '  run: curl -fsS -m 10 --retry 5 -o /dev/null "${{ secrets.OVERDUE_PING_URL }}"',
    ),
    (
        "systemd",
        "A drop-in for the unit of the job, for example by systemctl edit backup.service.",
        "[Service]\nExecStartPost=/usr/bin/curl -fsS -m 10 --retry 5 -o /dev/null %s",
    ),
)


class Snippet(msgspec.Struct, frozen=True):
    """A text to copy, with a sentence about it."""

    name: str
    about: str
    text: str


def snippets_for(ping_url: str) -> list[Snippet]:
    return [
        Snippet(name, about.replace("%s", ping_url), text.replace("%s", ping_url))
        for name, about, text in _TEXTS
    ]
