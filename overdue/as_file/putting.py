"""Makes, changes and deletes one thing by the routes of the API, and says what that has changed."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from ingest.api.within import Within
from overdue.as_file.changes import CHANGED, GONE, MADE, Change
from overdue.as_file.current import SECRET, Thing, again
from overdue.as_file.masking import apart, set_secret, unmasked
from overdue.as_file.reading import CHANNELS, MONITORS, NOUNS, RULES, Table, said
from overdue.as_file.references import References, in_file
from overdue.as_file.shapes import Shape, shape_of
from store.errors import Invalid
from store.plans import Plan

# The routes by which a kind is made, and by which one of it is changed and deleted.
ROUTES: Mapping[str, tuple[str, str]] = {
    CHANNELS: ("/api/channels", "/api/channels/{id}"),
    MONITORS: ("/api/monitors", "/api/monitors/{id}"),
    RULES: ("/api/monitors/{id}/metric-alerts", "/api/monitors/{id}/metric-alerts/{alertId}"),
}


class Putting:
    """What becomes different is in `changes`; `made` are the replies to the monitors that are new.

    `drawn` are the channels for which a signing secret was drawn, as the file has none.
    """

    def __init__(self, within: Within, plan: Plan) -> None:
        self.changes: list[Change] = []
        self.drawn: list[str] = []
        self.made: list[Mapping[str, Any]] = []
        self.references = References(())
        self._within = within
        self._plan = plan

    async def put(self, table: Table, thing: Thing | None, owner: Thing | None = None) -> Thing:
        """Make a thing, or make it what its table says. `owner` is the monitor of a rule.

        Raises:
            OverdueError: the API refuses it.
        """
        kind = {"type": thing.values["type"]} if thing and "type" in thing.values else {}
        shape = shape_of(table.section, {**table.values, **kind}, self._plan)
        if shape is None:
            raise Invalid("A channel's type is webhook, email or apprise.", "type")
        values = shape.read({name: value for name, value in table.values.items() if name != "id"})
        values = self.references.to_ids(table.section, values)
        if table.section == CHANNELS:
            values = unmasked(values, thing)
        if thing is None:
            return await self._make(table, values, shape, owner)
        return await self._change(thing, values, shape, owner)

    async def delete(self, thing: Thing, owner: Thing | None = None) -> None:
        await self._within.ask("DELETE", ROUTES[thing.section][1], **_ids(thing))
        self.changes.append(Change(GONE, self._what(thing, owner)))

    async def _make(
        self, table: Table, values: Mapping[str, Any], shape: Shape, owner: Thing | None
    ) -> Thing:
        secret, wanted = apart(values)
        later = {name: value for name, value in wanted.items() if name in shape.changing - shape.creating}
        first = {
            name: value
            for name, value in wanted.items()
            if name not in later and (value is not None or name in shape.nullable_at_first)
        }
        ids = {"id": owner.id} if owner else {}
        reply = await self._within.ask("POST", ROUTES[table.section][0], first, **ids)
        made = Thing(
            section=table.section, id=reply["id"], values={}, shown={}, owner=owner.id if owner else ""
        )
        if later:
            await self._within.ask("PATCH", ROUTES[made.section][1], later, **_ids(made))
        if secret is not None:
            await set_secret(self._within, made.id, secret, is_new=True)
        elif SECRET in reply:
            self.drawn.append(table.name)
        if table.section == MONITORS:
            self.made.append(reply)
        made = await again(self._within, made)
        self._note(MADE, made, values.keys(), owner)
        return made

    async def _change(
        self, thing: Thing, values: Mapping[str, Any], shape: Shape, owner: Thing | None
    ) -> Thing:
        """Ask for what is different, if anything is, beside all that the table says, as that may contradict itself.

        What the API makes of that may be what was there, and so no change at all.
        """
        secret, given = apart(values)
        wanted = shape.defaults | given
        different = {
            name: value
            for name, value in wanted.items()
            if name not in thing.values or thing.values[name] != value
        }
        if "type" in different and "type" in thing.values:
            raise Invalid(f"It is of the type {thing.values['type']}, and that stays.", "type")
        if different:
            body = {name: value for name, value in given.items() if name != "type"} | different
            await self._within.ask("PATCH", ROUTES[thing.section][1], body, **_ids(thing))
        if secret is not None and secret != thing.values.get(SECRET):
            await set_secret(self._within, thing.id, secret, is_new=False)
        elif not different:
            return thing
        now = await again(self._within, thing)
        settable = shape.creating | shape.changing | {SECRET}
        changed = {name for name in settable if now.values.get(name) != thing.values.get(name)}
        if changed:
            self._note(CHANGED, now, changed, owner, thing)
        return now

    def _note(
        self, sign: str, now: Thing, names: Set[str], owner: Thing | None, before: Thing | None = None
    ) -> None:
        """Note what became different, in the words of the file and without secrets."""
        was = self.references.to_names(now.section, before.shown) if before else {}
        told = in_file(now.section, names) - ({"name"} if before is None else set())
        shown = self.references.to_names(now.section, now.shown)
        fields = {
            name: (_in_file(was.get(name)), _in_file(value)) for name, value in shown.items() if name in told
        }
        self.changes.append(Change(sign, self._what(before or now, owner), fields))

    def _what(self, thing: Thing, owner: Thing | None) -> str:
        if owner is None:
            return f"{NOUNS[thing.section]} {said(thing.name)}"
        values = thing.values
        rule = f"{values['metricKey']} {values['operator']} {said(values['threshold'])}"
        return f"{NOUNS[RULES]} {rule} of monitor {said(owner.name)}"


def _ids(thing: Thing) -> dict[str, str]:
    return {"id": thing.owner, "alertId": thing.id} if thing.owner else {"id": thing.id}


def _in_file(value: Any) -> Any:
    """A value as the file says it."""
    return False if value is None else value
