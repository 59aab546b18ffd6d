"""What is said of the machine and the versions."""

from __future__ import annotations

import platform

from bench.machine import cpu_model, describe_machine, redis_version

CPUINFO = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\nstepping\t: 1\n"


def test_the_processor_is_named() -> None:
    assert cpu_model(CPUINFO) == "AMD EPYC"


def test_a_processor_without_a_name_is_called_by_its_architecture() -> None:
    assert cpu_model("processor\t: 0\n") == platform.machine()


def test_valkey_and_redis_say_their_names_and_versions() -> None:
    valkey = "Valkey server v=9.1.2 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1a2b"

    assert redis_version(valkey) == "Valkey 9.1.2"
    assert redis_version("Redis server v=7.0.15 sha=00000000:0 malloc=libc bits=64") == "Redis 7.0.15"
    assert redis_version("") == "an unknown Redis"


def test_this_machine_can_be_described() -> None:
    assert "cores" in describe_machine()
