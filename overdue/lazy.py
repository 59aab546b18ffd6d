"""Loads code by name when it is needed, so that a command brings into memory only what it runs."""

from __future__ import annotations

import importlib
from typing import Any


def load(path: str) -> Any:
    """The attribute that `package.module:attribute` names."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)
