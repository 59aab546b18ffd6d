"""`make chaos`: kills the processes of a loaded house, round after round, and says what became of it."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.faults import Fault, a_whole_turn, drawn
from tests.chaos.report import line, table
from tests.chaos.scene import Round, opened


def play(faults: list[Fault], folder: Path) -> list[Round]:
    """Play a round for each fault, and print what becomes of it."""
    rounds = []
    with opened(folder) as scene:
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
    parser.add_argument("--rounds", type=int, default=a_whole_turn())
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--only", default="", help="a fault point, or `kill ingest` and the like")
    asked = parser.parse_args()
    print(f"SEED={asked.seed} ROUNDS={asked.rounds}", flush=True)
    dice = random.Random(asked.seed)
    faults = list(drawn(dice, asked.rounds))
    if asked.only:
        faults = [one for one in drawn(dice, 100 * asked.rounds) if one.name == asked.only][: asked.rounds]
    with tempfile.TemporaryDirectory(prefix="od-chaos-") as folder:
        rounds = play(faults, Path(folder))
    return int(any(one.wrong for one in rounds))


if __name__ == "__main__":
    sys.exit(main())
