"""Lets `python -m overdue` be the `overdue` command; `serve` starts its parts this way."""

from __future__ import annotations

from overdue.command import main

main(prog_name="overdue")
