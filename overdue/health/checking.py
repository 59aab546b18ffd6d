"""Looks twice, so that what changes meanwhile is no finding; explains what stays wrong, and repairs it if asked to."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from overdue.health.finding import Finding, Verdict

LOOK_AGAIN_S = 1.0
EXAMPLES = 2


class Subject(msgspec.Struct, frozen=True):
    """What is wrong: a monitor, an organisation or a shard by its number, or a key or a delivery by its name too."""

    number: int
    name: str = ""


# What is wrong with each, as the rest of a sentence whose subject is a number of them.
Problems = dict[Subject, str]


class Check(Protocol):
    """One side of an installation."""

    what: str

    async def look(self) -> Problems:
        """Look at everything, page by page."""

    async def look_again(self, at: Collection[Subject]) -> Problems:
        """Look at these only."""

    async def repair(self, found: Problems) -> None:
        """Put these right, by the ways that everybody uses."""

    def praise(self) -> str:
        """What is said if nothing is wrong."""

    def spell(self, subject: Subject) -> str:
        """A subject for people."""


async def finding_of(check: Check, fix: bool) -> Finding:
    """Look, look again at what seemed wrong, and repair what still is.

    Raises:
        Unavailable: Redis or config.db went away meanwhile.
    """
    problems = await _twice(check)
    if not problems:
        return Finding(Verdict.GOOD, check.what, check.praise())
    if not fix:
        sentence = f"{_explained(check, problems)}; `overdue doctor --fix` repairs that"
        return Finding(Verdict.BAD, check.what, sentence, wrong=len(problems))
    await check.repair(problems)
    await asyncio.sleep(LOOK_AGAIN_S)
    left = await check.look_again(problems)
    repaired = len(problems) - len(left)
    if left:
        sentence = f"{repaired} repaired, but not all: {_explained(check, left)}"
        return Finding(Verdict.BAD, check.what, sentence, wrong=len(left), repaired=repaired)
    return Finding(
        Verdict.GOOD, check.what, f"repaired: {_explained(check, problems)}", repaired=len(problems)
    )


async def _twice(check: Check) -> Problems:
    first = await check.look()
    if not first:
        return first
    await asyncio.sleep(LOOK_AGAIN_S)
    return await check.look_again(first)


def _explained(check: Check, problems: Mapping[Subject, str]) -> str:
    """How many have which problem, with examples."""
    by_problem: dict[str, list[Subject]] = defaultdict(list)
    for subject, problem in problems.items():
        by_problem[problem].append(subject)
    return "; ".join(
        f"{len(subjects):,} {problem} (such as {', '.join(map(check.spell, subjects[:EXAMPLES]))})"
        for problem, subjects in by_problem.items()
    )
