"""What became of a mail for each of its addresses: who has it, who may get it later, and who never will. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from store.last_ping import Answers
from sweeper.channels.attempt import Attempt, Outcome

TAKEN = 250
_TEMPORARY = range(400, 500)
# So many addresses are named in a reason, which has to stay short.
NAMED_AT_MOST = 2


def still_to_tell(to: Sequence[str], answers: Answers) -> list[str]:
    """The addresses that nothing is known of yet."""
    known = dict(answers)
    return [address for address in to if _digest(address) not in known]


def judged(to: Sequence[str], before: Answers, codes: Mapping[str, int], duration_ms: int) -> Attempt:
    """The attempt, by what the server says (`codes`) of the addresses that it was asked for, and has said before."""
    known = {**dict(before), **{_digest(address): code for address, code in codes.items()}}
    status = {address: known[_digest(address)] for address in to}
    have = [address for address in to if status[address] == TAKEN]
    later = [address for address in to if status[address] in _TEMPORARY]
    never = [address for address in to if address not in have and address not in later]
    return Attempt(
        _outcome(have, later, never),
        max(status.values(), default=TAKEN),
        None,
        _reason(len(to), len(have), _named(never, status), _named(later, status)),
        duration_ms,
        answers=tuple((_digest(address), status[address]) for address in (*have, *never)),
        misses=bool(never),
    )


def _outcome(have: Sequence[str], later: Sequence[str], never: Sequence[str]) -> Outcome:
    if later:
        return "partly" if have else "retry"
    return "rejected" if never and not have else "delivered"


def _reason(count: int, have: int, never: str, later: str) -> str:
    if not never and not later:
        return "the mail server took it"
    said = [f"took it for {have} of {count} addresses"] if have else []
    said += [f"refused {never}"] if never else []
    said += [f"does not take it yet for {later}"] if later else []
    return f"the mail server {', '.join(said)}"


def _named(addresses: Sequence[str], status: Mapping[str, int]) -> str:
    words = [f"{address} ({status[address]})" for address in addresses[:NAMED_AT_MOST]]
    more = len(addresses) - NAMED_AT_MOST
    return " and ".join([*words, *([f"{more} more"] if more > 0 else [])])


def _digest(address: str) -> bytes:
    """What is noted of an address: short, and no address."""
    return blake2b(address.encode(), digest_size=8).digest()
