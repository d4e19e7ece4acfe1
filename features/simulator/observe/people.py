"""Accounts, their users, and merged accounts, as recorded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

from undertow.features.simulator.draws import draws
from undertow.features.simulator.history import World
from undertow.features.simulator.observe.columns import (
    DAY,
    HOUR,
    NEVER,
    SECOND,
    account_ids,
    at,
    pick,
    timestamps,
    user_ids,
    words,
)
from undertow.features.simulator.state import MERGED, SEGMENTS, Ints

COUNTRIES = ("DE", "FR", "NL", "ES", "IT", "PL", "SE", "GB")
OWNERS = (
    "Amara Lindqvist", "Bruno Castell", "Chiara Nowak", "Dario Weiss",
    "Elif Haugen", "Femke Duarte", "Goran Silva", "Hanna Okoye",
)  # fmt: skip
ACQUISITION = ("search", "referral", "sales", "event")
NAME_STARTS = (
    "Alder", "Bright", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Iris", "Juniper",
    "Kestrel", "Lumen", "Maple", "Nimbus", "Orchard", "Pebble", "Quarry", "Raven", "Saffron",
    "Timber", "Umber", "Velvet", "Willow", "Yarrow", "Zephyr",
)  # fmt: skip
NAME_MIDDLES = ("field", "bridge", "gate", "works", "stone", "line", "crest", "point")
NAME_ENDS = ("Labs", "Foods", "Logistics", "Studio", "Health", "Energy", "Textiles", "Media",
             "Robotics", "Travel", "Partners", "Supply")  # fmt: skip
BOT_NAME = "Uptime monitor"


@dataclass(frozen=True)
class People:
    """All users, one per row; account a has rows first[a] to first[a + 1] - 1. Times in microseconds, or NEVER."""

    first: Ints
    account: Ints
    number: Ints
    joined: Ints
    left: Ints


def bot(world: World) -> int:
    """Return the account number of the uptime monitor, which is no customer: the last customer's + 1."""
    return world.parameters.accounts


def created(world: World) -> Ints:
    """Return when each account signed up, in microseconds."""
    return world.static.signup_day * DAY + world.static.clock * SECOND


def accounts(world: World, rng: Generator) -> pa.Table:
    """Return the accounts table: all customers, and the uptime monitor."""
    p, n = world.parameters, world.parameters.accounts + (world.parameters.bot_minutes > 0)
    customer = np.arange(n) < p.accounts
    start, middle = rng.integers(0, len(NAME_STARTS), n), rng.integers(0, len(NAME_MIDDLES), n)
    name = pc.binary_join_element_wise(
        pc.binary_join_element_wise(words(start, NAME_STARTS), words(middle, NAME_MIDDLES), ""),
        words(rng.integers(0, len(NAME_ENDS), n), NAME_ENDS),
        " ",
    )
    segment = np.full(n, -1)
    segment[: p.accounts] = world.static.segment
    created_at = np.zeros(n, np.int64)
    created_at[: p.accounts] = created(world)
    return pa.table(
        {
            "account_id": account_ids(np.arange(n)),
            "created_at": timestamps(p, created_at),
            "name": pc.if_else(pa.array(customer), name, BOT_NAME),
            "segment": words(segment, SEGMENTS),
            "country": words(pick(rng.random(n), 5, 3, 2, 2, 2, 1, 1, 3), COUNTRIES),
            "owner": words(np.where(customer, rng.integers(0, len(OWNERS), n), -1), OWNERS),
            "acquisition": words(np.where(customer, pick(rng.random(n), 4, 3, 2, 1), -1), ACQUISITION),
        }
    )


def merges(world: World) -> pa.Table:
    """Return the merges table: the accounts merged into another one, at noon of the day."""
    rows = world.journal.take(np.flatnonzero(world.journal.left == MERGED))
    merged = timestamps(world.parameters, rows.day * DAY + 12 * HOUR)
    return pa.table(
        {
            "account_id": account_ids(rows.account),
            "merged_into": account_ids(rows.heir),
            "merged_at": merged,
            "recorded_at": merged,
        }
    )


def draw_people(world: World) -> People:
    """Draw the users of each account and when they join and leave.

    User 0 joins first and is the most active one until it leaves, then user 1, and so on. A successor has joined by
    the morning on which its predecessor leaves, and stays until it leaves in its turn; others come and go by chance.
    """
    j = world.journal
    count, followed = world.frozen[0].seats.copy(), np.zeros(world.parameters.accounts, np.int64)
    np.maximum.at(count, j.account, j.seats)
    np.maximum.at(followed, j.account, j.champion)
    count += followed
    first = np.concatenate([[0], np.cumsum(count)])
    account = np.repeat(np.arange(len(count)), count)
    number = np.arange(first[-1]) - first[account]
    draw = draws(world.seed, "user", account, number)
    wait = np.where(number == 0, 0.0, draw.exponential("joins", 60.0))
    joined = created(world)[account] + (wait * DAY).astype(np.int64)
    stay = (draw.exponential("leaves", 700.0) * DAY).astype(np.int64)
    left = np.where((number <= followed[account]) | (stay > 2000 * DAY), NEVER, joined + stay)
    rows = j.take(np.flatnonzero(j.champion_left & j.present))
    successor = first[rows.account] + rows.champion
    left[successor - 1] = at(rows.day, draw.take(successor - 1).uniform("morning", 6.0, 7.0))
    joined[successor] = np.minimum(joined[successor], left[successor - 1])
    return People(first, account, number, joined, left)


def users(world: World, people: People) -> pa.Table:
    """Return the users table: users who joined while their account was active; they stay listed after it churned."""
    p, j = world.parameters, world.journal
    end = np.full(p.accounts, p.days)
    gone = ~world.frozen[p.days].active
    last_day = np.zeros(p.accounts, np.int64)
    np.maximum.at(last_day, j.account, np.where(j.left > 0, j.day, 0))
    active_until = np.where(gone, last_day, end)[people.account] * DAY
    keep = people.joined < active_until
    account, number, joined = people.account[keep], people.number[keep], people.joined[keep]
    left = np.where(people.left[keep] < active_until[keep], people.left[keep], NEVER)
    role = np.where(number == 0, 0, 1 + pick(draws(world.seed, "role", account, number).uniform("role"), 8, 2))
    return pa.table(
        {
            "account_id": account_ids(account),
            "user_id": user_ids(account, number),
            "joined_at": timestamps(p, joined),
            "left_at": timestamps(p, left),
            "role": words(role, ("admin", "member", "viewer")),
            "recorded_at": timestamps(p, joined),
        }
    )
