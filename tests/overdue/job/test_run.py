"""`overdue run` is transparent: streams, signals and exit codes are the job's own, whatever the server does."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overdue.job.tail import LONGEST, Tail
from tests.overdue.job.ping_receiver import KEY, PingReceiver
from tests.overdue.job.running import NOBODY, begin, environ, run

AT_ONCE_S = 8.0  # far below how long what must not be waited for would take


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 128 + 9)]
)
def test_the_exit_code_is_the_jobs_and_is_told(receiver: PingReceiver, script: str, code: int) -> None:
    assert run(receiver.url, "--", "sh", "-c", script).code == code

    start, end = receiver.pings
    assert (start.signal, end.signal) == ("start", str(code))
    assert start.query["rid"] == end.query["rid"]
    assert int(end.query["duration_ms"]) >= 0


def test_streams_are_the_jobs_byte_for_byte(receiver: PingReceiver) -> None:
    given = os.urandom(300_000)
    ended = run(receiver.url, "sh", "-c", "cat; printf '\\377no newline' >&2", given=given)

    assert ended.out == given
    assert ended.err == b"\xffno newline"


def test_the_last_bytes_of_all_output_are_told(receiver: PingReceiver) -> None:
    output = os.urandom(200_000 - 3) + b"end"
    ended = run(receiver.url, "cat", given=output)

    assert ended.out == output
    told = receiver.pings[1].body
    assert output.endswith(told) and LONGEST - 3 <= len(told) <= LONGEST


def test_streams_that_lead_to_one_place_keep_their_order(receiver: PingReceiver) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"
    ended = run(receiver.url, "sh", "-c", script, stderr=subprocess.STDOUT)

    assert ended.out.decode().split("\n") == [
        f"{name} {i}" for i in range(1, 10) for name in ("out", "err")
    ] + [""]
    assert receiver.pings[1].body == ended.out


def test_without_output_the_job_has_our_own_streams(receiver: PingReceiver, tmp_path: Path) -> None:
    target = tmp_path / "out"
    with target.open("wb") as out:
        process = begin(receiver.url, "--no-output", "readlink", "/proc/self/fd/1", stdout=out)
        assert process.wait(30) == 0

    assert target.read_text().strip() == str(target)
    assert receiver.pings[1].body == b""


def test_a_tail_begins_with_a_whole_character() -> None:
    tail = Tail()
    for _ in range(LONGEST):
        tail.add("é".encode())
    tail.add(b"!")

    assert tail.content().decode() == "é" * (LONGEST // 2 - 1) + "!"


def test_signals_are_passed_on(receiver: PingReceiver) -> None:
    names = ("TERM", "INT", "HUP", "QUIT", "USR1", "USR2")
    for number in (getattr(signal, f"SIG{name}") for name in names):
        # What is ignored when a shell begins cannot be trapped, and whoever runs us in the background ignores some.
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    traps = "; ".join(f"trap 'echo {name}; seen=$((seen + 1))' {name}" for name in names)
    script = f"seen=0; {traps}; echo ready; while [ $seen -lt 6 ]; do sleep 0.01; done; exit 7"
    with begin(receiver.url, "sh", "-c", script, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for name in names:
            process.send_signal(getattr(signal, f"SIG{name}"))
            assert process.stdout.readline() == f"{name}\n".encode()
        assert process.wait(30) == 7


def test_a_signal_that_ends_the_job_is_told(receiver: PingReceiver) -> None:
    with begin(receiver.url, "sh", "-c", "echo $$; exec sleep 60", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        job = int(process.stdout.readline())
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM

    assert receiver.signals() == ["start", "143"]
    with pytest.raises(ProcessLookupError):
        os.kill(job, 0)


def test_the_terminals_ctrl_c_reaches_the_job_once(receiver: PingReceiver) -> None:
    script = (
        "import signal, time\n"
        "signal.signal(signal.SIGINT, lambda *_: print('interrupted', flush=True))\n"
        "signal.signal(signal.SIGUSR1, lambda *_: exit(5))\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(60)\n"
    )
    words = [sys.executable, "-P", "-m", "overdue", "run", "--no-output", sys.executable, "-c", script]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(sys.executable, words, environ(receiver.url))
    said = b""
    while b"ready" not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    while b"interrupted" not in said:
        said += os.read(terminal, 1000)
    os.kill(pid, signal.SIGUSR1)  # comes after whatever else was passed on
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    try:
        while more := os.read(terminal, 1000):
            said += more
    except OSError:  # how Linux says that nobody has the terminal any more
        pass
    os.close(terminal)
    assert said.count(b"interrupted") == 1


def test_what_the_job_leaves_running_is_not_waited_for(receiver: PingReceiver) -> None:
    began = time.monotonic()
    with begin(receiver.url, "sh", "-c", "sleep 60 & echo $!", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        left = int(process.stdout.readline())
        assert process.wait(30) == 0
    os.kill(left, signal.SIGKILL)

    assert time.monotonic() - began < AT_ONCE_S
    assert receiver.pings[1].body == f"{left}\n".encode()


def test_a_job_whose_reader_has_gone_ends_as_it_would_alone(receiver: PingReceiver) -> None:
    with begin(receiver.url, "yes", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(30) == 128 + signal.SIGPIPE


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("no-such-command-at-all", 127, b"there is no such command"),
        (__file__, 126, b"cannot be run (Permission denied)"),
    ],
)
def test_a_command_that_cannot_be_run_is_told_as_a_shell_would(
    receiver: PingReceiver, command: str, code: int, sentence: bytes
) -> None:
    ended = run(receiver.url, command)

    assert ended.code == code
    assert sentence in ended.err
    assert receiver.signals() == [str(code)]
    assert receiver.pings[0].body == ended.err


def test_a_script_without_a_first_line_is_run_by_the_shell(receiver: PingReceiver, tmp_path: Path) -> None:
    script = tmp_path / "job"
    script.write_text('echo "$1"; exit 4\n')
    script.chmod(0o755)

    ended = run(receiver.url, str(script), "told")
    assert (ended.code, ended.out) == (4, b"told\n")


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://there/x", f"http://somebody:secret@there/ping/{KEY}"])
def test_an_address_that_cannot_be_used_is_refused_before_the_job(url: str) -> None:
    ended = run(url, "echo", "ran")

    assert (ended.code, ended.out) == (2, b"")
    assert b"ping-url" in ended.err
    assert KEY.encode() not in ended.err and b"secret" not in ended.err


def test_nothing_slow_is_loaded_before_the_job_runs() -> None:
    loaded = (
        "import overdue.command, overdue.job.command, sys; "
        "print([m for m in ('http', 'ssl', 'email', 'asyncio', 'msgspec', 'importlib.metadata') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_nobody_there_changes_nothing() -> None:
    ended = run(NOBODY, "--wait", "1", "sh", "-c", "echo out; exit 6")

    assert (ended.code, ended.out) == (6, b"out\n")
    assert (
        ended.err
        == b"overdue: the end of the job could not be told to http://127.0.0.1:9 (Connection refused)\n"
    )
