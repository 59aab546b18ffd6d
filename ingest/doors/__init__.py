"""The table of ping dialects. A new one is a new file with a Door and a line here."""

from __future__ import annotations

from ingest.doors.door import Door
from ingest.doors.heartbeat import HeartbeatDoor
from ingest.doors.simple import SimpleDoor

DOORS: tuple[Door, ...] = (SimpleDoor(), HeartbeatDoor())
