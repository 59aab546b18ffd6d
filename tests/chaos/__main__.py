"""`make chaos`: kills the processes of a loaded house, round after round, and says what became of it."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.builds import SERVERS, Build
from tests.chaos.faults import Fault, a_whole_turn, drawn
from tests.chaos.report import line, table
from tests.chaos.scene import Round, opened


def play(faults: list[Fault], folder: Path, build: Build) -> list[Round]:
    """Play a round for each fault, and print what becomes of it."""
    rounds = []
    with opened(folder, build) as scene:
        print(f"{build}: {scene.server()}", flush=True)
        try:
            for number, fault in enumerate(faults, 1):
                rounds.append(scene.play(number, fault))
                print(line(rounds[-1]), flush=True)
        except BaseException:
            print(f"in round {number}, {fault}; serve has said:\n{scene.house.said()[-8000:]}", flush=True)
            raise
        if any(one.wrong for one in rounds):
            print(f"serve has said:\n{scene.house.said()[-20000:]}")
    print(f"\n{table(rounds)}", flush=True)
    return rounds


def main() -> int:
    """Read the options, play; the exit code."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, help="as many as it takes for every fault to have its turn")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--only", default="", help="a fault point, or `kill ingest` and the like")
    parser.add_argument("--workers", type=int, default=1, help="how many ingest processes")
    parser.add_argument("--shards", type=int, default=1, help="how many shards in Redis")
    parser.add_argument("--server", choices=SERVERS, default="valkey", help="which server is embedded")
    asked = parser.parse_args()
    build = Build(asked.workers, asked.shards, asked.server)
    count = asked.rounds or a_whole_turn(build.processes)
    print(f"SEED={asked.seed} ROUNDS={count}", flush=True)
    dice = random.Random(asked.seed)
    faults = list(drawn(dice, count, build.processes))
    if asked.only:
        faults = [one for one in drawn(dice, 100 * count, build.processes) if one.name == asked.only][:count]
    with tempfile.TemporaryDirectory(prefix="od-chaos-") as folder:
        rounds = play(faults, Path(folder), build)
    return int(any(one.wrong for one in rounds))


if __name__ == "__main__":
    sys.exit(main())
