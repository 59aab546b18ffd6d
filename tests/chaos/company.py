"""Jobs of other kinds beside the fleet: with runs, by a schedule, through a relay, over their plan, in maintenance.

All of them are healthy, or nobody wants to hear of them: whoever is told of one is told wrongly.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx

from store.clock import wall_ms
from tests.chaos.jobs import Watched, watched
from tests.system.api import Api
from tests.system.fleet import ANSWER_S, Ping
from tests.system.house import COMMAND, House
from tests.system.receiver import Receiver, receiving

# So many pings a minute that it is limited nearly all the time: only the limited ones keep it alive.
PLAN = "[plans.tight]\nmin_interval = 1\npings_per_minute = 6\n"
OTHERS, HASTY = "others", "hasty"
OFTEN_S, AGAIN_S, RUN_S = 0.4, 0.05, 0.1
RELAYED, RELAYED_APART_MS = 3, 150
MAX_RUNTIME_MS = 2_000
# Apart from those of the fleet, which begin with the moment.
FIRST_NUMBER = 10**15


class Company:
    """Each job is a thread. `answers` are its pings, and `happened_ms` says when those of the relay had happened.

    `client` is for the one who is in trouble.
    """

    def __init__(self, house: House, api: Api, others: Api, hasty: Api, receiver: Receiver) -> None:
        self.house = house
        self.others, self.hasty_api, self.receiver = others, hasty, receiver
        self.answers: list[Ping] = []
        self.happened_ms: dict[int, int] = {}
        self.plain_answers: list[Ping] = []
        self.plain_unanswered_ms: list[int] = []
        self.complaints: list[str] = []
        self.client = self._new_client()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._number = FIRST_NUMBER + wall_ms() * 1000
        self._threads: list[threading.Thread] = []
        self._add_quiet(api)
        self.runner = self._join(api, self._run, interval=2, maxRuntime=MAX_RUNTIME_MS // 1000)
        self.cron = self._join(api, self._beat, schedule="* * * * *")
        self.plain = self._join(api, self._repeat, interval=2)
        self.relayed = self._join(api, self._relay, interval=2)
        self.hasty = self._join(hasty, self._beat, interval=2)
        self.troubled = watched(
            others.post("/api/monitors", _asked("troubled", interval=86_400, maxRuntime=1))
        )

    @property
    def beating(self) -> list[Watched]:
        """Those who are to be up, of the first organisation."""
        return [self.runner, self.cron, self.plain, self.relayed]

    def _add_quiet(self, api: Api) -> None:
        """Of none of these anybody wants to hear: it is in maintenance, not armed yet, or paused."""
        now_s = wall_ms() // 1000
        window = {"name": "for ever", "from": now_s - 60, "to": now_s + 86_400, "tags": ["quiet"]}
        api.post("/api/maintenance", window)
        self.quiet = self._join(api, self._fail, interval=1, gracePeriod=0, tags=["quiet"])
        api.post("/api/monitors", _asked("unarmed", interval=1, gracePeriod=0, armOnFirstPing=True))
        self.paused = watched(api.post("/api/monitors", _asked("paused", interval=86_400)))
        api.pause(self.paused.id)
        self._start(self._beat, self.paused)

    def draw(self) -> int:
        """The number of another ping."""
        with self._lock:
            self._number += 1
            return self._number

    def send(self, client: httpx.Client, one: Watched, signal: str = "", run: str = "") -> Ping | None:
        """One ping; None if nobody answered."""
        number, sent_ms = self.draw(), wall_ms()
        named = {"rid": run} if run else {}
        try:
            reply = client.get(f"/ping/{one.key}{signal}", params={"n": number, **named})
        except httpx.TransportError:
            return None
        answered = Ping(number, one.key, reply.status_code, sent_ms, wall_ms())
        if reply.status_code == 429 and not reply.json().get("alive"):
            self.complaints.append(f"answered {reply.text}")
        self.answers.append(answered)
        return answered

    def send_well(self, client: httpx.Client, one: Watched, signal: str = "", run: str = "") -> None:
        """Ping until it is answered 200, as whoever tells of a run does."""
        while not self._stopping.is_set():
            answer = self.send(client, one, signal, run)
            if answer is not None and answer.status == 200:
                return
            time.sleep(AGAIN_S)

    def stop(self) -> None:
        """All fall silent."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self.client.close()

    def _join(self, api: Api, work: Callable[[httpx.Client, Watched], None], **asked: object) -> Watched:
        """A monitor, and whoever pings it from now on."""
        made = watched(api.post("/api/monitors", _asked(work.__name__.strip("_"), **asked)))
        self._start(work, made)
        return made

    def _start(self, work: Callable[[httpx.Client, Watched], None], one: Watched) -> None:
        def live() -> None:
            with self._new_client() as client:
                while not self._stopping.is_set():
                    work(client, one)
                    self._stopping.wait(OFTEN_S)

        self._threads.append(threading.Thread(target=live, name=f"company {work.__name__}"))
        self._threads[-1].start()

    def _new_client(self) -> httpx.Client:
        return httpx.Client(base_url=self.house.url, trust_env=False, timeout=ANSWER_S)

    def _beat(self, client: httpx.Client, one: Watched) -> None:
        self.send(client, one)

    def _repeat(self, client: httpx.Client, one: Watched) -> None:
        """The very same request again, which ingest has a shorter way for."""
        sent_ms = wall_ms()
        try:
            reply = client.get(f"/ping/{one.key}")
        except httpx.TransportError:
            self.plain_unanswered_ms.append(sent_ms)
            return
        self.plain_answers.append(Ping(0, one.key, reply.status_code, sent_ms, wall_ms()))

    def _fail(self, client: httpx.Client, one: Watched) -> None:
        self.send(client, one, "/fail")

    def _run(self, client: httpx.Client, one: Watched) -> None:
        run = str(uuid4())
        self.send_well(client, one, "/start", run)
        self._stopping.wait(RUN_S)
        self.send_well(client, one, "", run)

    def _relay(self, client: httpx.Client, one: Watched) -> None:
        """Some pings that happened a moment ago, and the last of them now."""
        sent_ms = wall_ms()
        moments = {self.draw(): sent_ms - RELAYED_APART_MS * (RELAYED - 1 - at) for at in range(RELAYED)}
        items = [{"key": one.key, "at": at / 1000, "metrics": {"n": n}} for n, at in moments.items()]
        try:
            reply = client.post("/ping", json=items)
        except httpx.TransportError:
            return
        answered_ms = wall_ms()
        failed = {}
        if reply.status_code == 200:
            failed = {item["index"]: item["reason"] for item in reply.json()["failed"]}
        self.complaints += [f"relayed: {why}" for why in failed.values() if "send it again" not in why]
        self.happened_ms |= moments
        for index, number in enumerate(moments):
            status = 503 if index in failed else reply.status_code
            self.answers.append(Ping(number, one.key, status, sent_ms, answered_ms))


def prepare(folder: Path) -> None:
    """What the house is to find when it starts: the plan of those who ping too fast."""
    (folder / "overdue.toml").write_text(PLAN)


@contextmanager
def keeping_company(house: House, api: Api) -> Iterator[Company]:
    """The jobs, for as long as the block lasts, and somebody who hears of the other organisations."""
    with receiving() as receiver:
        others, hasty = _organisation(house, OTHERS, "unlimited"), _organisation(house, HASTY, "tight")
        receiver.secret = others.channel(receiver.url)["secret"]
        hasty.channel(receiver.url)
        kept = Company(house, api, others, hasty, receiver)
        try:
            yield kept
        finally:
            kept.stop()
            others.close()
            hasty.close()


def _organisation(house: House, name: str, plan: str) -> Api:
    """Another organisation's API."""
    _told(house, "orgs", "create", name, "--plan", plan)
    return Api(house.url, _told(house, "keys", "create", "--org", name))


def _told(house: House, *words: str) -> str:
    done = subprocess.run(
        [COMMAND[0], *words],
        env=house.environ,
        cwd=house.log.parent,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip().splitlines()[-1]


def _asked(name: str, **asked: object) -> dict[str, object]:
    return {"name": name, "gracePeriod": 1, **asked}
