"""The tables of a simulated world as a company's systems would record them, with late, duplicate and invalid rows.

Nothing here changes the world: times, counts and survey answers are drawn from the simulated days, table by table.
The rows of an account depend on its own history alone, so that two worlds with one seed differ only in the rows of the
accounts that differ. Exceptions: ids number the rows of their table (of a subscription, user or card: those of
its account), and the few invalid events of a month are copies of rows drawn from all of its events.
"""

from __future__ import annotations

import pyarrow as pa

from undertow.features.simulator.history import World, stream
from undertow.features.simulator.observe.cards import cards
from undertow.features.simulator.observe.contacts import contacts
from undertow.features.simulator.observe.events import event_months
from undertow.features.simulator.observe.invoicing import invoices_and_payments, subscriptions
from undertow.features.simulator.observe.people import accounts, draw_people, merges, users
from undertow.features.simulator.observe.surveys import surveys
from undertow.features.simulator.observe.tickets import tickets

__all__ = ["event_months", "observe"]


def observe(world: World) -> dict[str, pa.Table]:
    """Return every table except `events`, by name, with the rows recorded before the end of the last day.

    `event_months` yields the events, which may not fit into memory.
    """
    return {
        "accounts": accounts(world, stream(world.seed, 11)),
        "merges": merges(world),
        "users": users(world, draw_people(world)),
        "tickets": tickets(world),
        "surveys": surveys(world),
        "subscriptions": subscriptions(world),
        **invoices_and_payments(world),
        "cards": cards(world),
        "contacts": contacts(world),
    }
