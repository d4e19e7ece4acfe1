"""Brings what `undertow init` would write now into an undertow.toml that was changed since it was written."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.items import Comment, Item, Table, Whitespace

ORDERED = "views"  # the section whose entries are used by those after them


def merged_settings(mine: str, before: str, now: str) -> tuple[str, list[str]]:
    """Return the text of undertow.toml with what is new, and the entries that were left as they were changed.

    `mine`: the file as it is; `before`: as it was written; `now`: as it would be written. An entry that is as it was
    written takes the new value, a list that was changed gets the new elements, and what was removed stays removed. Of
    anything else that both changed, the value in the file stays.
    """
    document = tomlkit.parse(mine)
    was, wanted = tomllib.loads(before), tomllib.loads(now)
    kept: list[str] = []
    for section, values in wanted.items():
        if not isinstance(values, Mapping):  # name and store
            continue
        if section not in document:
            document.add(section, tomlkit.table())
        table: Any = document[section]
        kept += [f"[{section}] {key}" for key in _merge(table, was.get(section, {}), values)]
        if section == ORDERED and isinstance(table, Table):
            document[section] = _in_order(table, list(values))
    return tomlkit.dumps(document), kept


def _merge(table: Any, was: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Change a section in place; return the keys that both changed."""
    held = table.unwrap()
    kept = []
    for key, value in wanted.items():
        if key not in held:
            if was.get(key) != value:  # else it was removed on purpose
                table[key] = _item(value)
        elif held[key] == value or was.get(key) == value:
            continue
        elif held[key] == was.get(key):
            table[key] = _item(value)
        elif isinstance(held[key], list) and isinstance(value, list):
            known = [*held[key], *was.get(key, [])]
            table[key] = _item([*held[key], *(each for each in value if each not in known)])
        else:
            kept.append(key)
    for key in was.keys() - wanted.keys():
        if held.get(key) == was[key]:
            table.remove(key)
    return kept


def _item(value: Any) -> Item:
    """Return a value as an item; tables are written in one line."""
    if isinstance(value, Mapping):
        inline = tomlkit.inline_table()
        for key, each in value.items():
            inline.append(key, _item(each))
        return inline
    return tomlkit.item(value)


def _in_order(table: Table, wanted: Sequence[str]) -> Table:
    """Return a section with its entries in the wanted order; one that is not wanted stays behind the one before it."""
    held = list(table.unwrap())
    order = [key for key in wanted if key in held]
    for place, key in enumerate(held):
        if key not in wanted:
            order.insert(order.index(held[place - 1]) + 1 if place else 0, key)
    if order == held:
        return table
    groups: dict[str, tuple[list[Comment | Whitespace], Item]] = {}  # an entry, and the comments above it
    above: list[Comment | Whitespace] = []
    for named, item in table.value.body:
        if named:
            groups[named.key], above = (above, item), []
        elif isinstance(item, Comment | Whitespace):
            above.append(item)
    ordered = tomlkit.table()
    for name in order:
        for comment in groups[name][0]:
            ordered.add(comment)
        ordered.add(name, groups[name][1])
    for comment in above:
        ordered.add(comment)
    return ordered
