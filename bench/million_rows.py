"""The large bench's rows: what was measured of pings and of a burst of deadlines, beside the bars."""

from __future__ import annotations

from bench.case import RECORDER, REDIS, WEB
from bench.million_burst import Burst
from bench.million_figures import Figure
from bench.million_pings import Cost

# The monitors of the small installation.
SMALL = 1_000


def ping_figures(
    monitors: int, costs: tuple[Cost, Cost, Cost, Cost], share_us: float, batches: Figure
) -> list[Figure]:
    """A ping beside few monitors, and beside many: in turn, if each moves its deadline, at random; and the recorder."""
    one, other, moved, shuffled = costs
    single = other.cpu_us[RECORDER] / other.cpu_us[WEB]
    return [
        Figure(f"a ping beside {SMALL:,} monitors: ingest + Redis", one.answering_us, "µs"),
        Figure(f"a ping beside {monitors:,}: ingest + Redis", other.answering_us, "µs"),
        *(
            Figure(
                f"  {part}: beside the few {one.cpu_us[part]:.1f}, beside the many", other.cpu_us[part], "µs"
            )
            for part in (WEB, REDIS)
        ),
        Figure("  its share of rewriting the append-only file", share_us, "µs"),
        Figure(
            "  ÷ the same beside the few", (other.answering_us + share_us) / one.answering_us, "", 1.5, ".2f"
        ),
        *(
            Figure(f"  ÷, if {how}", (cost.answering_us + share_us) / one.answering_us, "", None, ".2f")
            for how, cost in (("each ping moves its deadline", moved), ("they ping at random", shuffled))
        ),
        Figure("  pings a second beside wrk", other.per_second, "/s", None, ",.0f"),
        Figure("recorder: CPU of a row, single pings", other.cpu_us[RECORDER], "µs"),
        Figure("  ÷ CPU of ingest for a single ping", single, "", None, ".2f"),
        batches,
        Figure("recorder ÷ ingest, the worse of the two", max(single, batches.value or 0), "", 1.0, ".2f"),
    ]


def burst_figures(burst: Burst, wanted: int) -> list[Figure]:
    """A burst beside its bars."""
    slowest, slowest_ms = burst.scripts.slowest()
    whole = burst.events == wanted and burst.deliveries >= wanted
    return [
        Figure(f"{wanted:,} deadlines in a second: all events after", burst.events_s, "s", 10),
        Figure("  all deliveries after", burst.deliveries_s if whole else None, "s", 30),
        Figure("  scripts, p99", burst.scripts.percentile_ms(0.99), "ms", 5),
        Figure("  scripts, p99.9", burst.scripts.percentile_ms(0.999), "ms", 10),
        Figure(f"  the longest script ({slowest})", slowest_ms, "ms"),
        Figure("  of that time Redis waited for a core", burst.redis_waited, "%"),
        Figure("  pings at the same pace before, p99", burst.usual.p99_ms, "ms"),
        Figure("  pings meanwhile, p50", burst.pings.p50_ms, "ms"),
        Figure("  pings meanwhile, p99", burst.pings.p99_ms, "ms", 50),
        Figure("  pings meanwhile that were refused", burst.pings.refused, "", 0, ".0f"),
    ]
