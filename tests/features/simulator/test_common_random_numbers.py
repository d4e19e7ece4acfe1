"""Worlds with and without a planted cause, same seed: accounts that the cause does not strike have the same story."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from undertow.features.simulator import Parameters, PlantedCause, Shock, World, event_months, observe, run
from undertow.features.simulator.history import struck_by
from undertow.features.simulator.observe.columns import account_ids
from undertow.features.simulator.state import VOLUNTARY, Flags

# Many leave and many merge, so that the two worlds soon have other accounts.
PLAIN = Parameters(accounts=300, months=8, monthly_base=-6.5, merge_rate=5e-4, seat_change=0.3, contact_rate=0.003)
IDS = {"event_id", "session_id", "ticket_id", "invoice_id", "payment_id", "survey_id", "contact_id"}


@pytest.fixture(scope="module")
def plain() -> World:
    """300 accounts x 8 months without a planted cause."""
    return run(PLAIN, seed=2)


@pytest.fixture(scope="module", params=[PlantedCause.card, PlantedCause.habit, PlantedCause.tickets])
def planted(request: pytest.FixtureRequest) -> World:
    """The same world in which a cause strikes a fifth of the accounts on day 60."""
    return run(replace(PLAIN, shocks=(Shock(request.param, 60, 0.2),)), seed=2)


def _untouched(plain: World, planted: World) -> Flags:
    """Return which accounts were neither struck nor merged, in either world, with an account that was touched."""
    touched = struck_by(planted, 0)
    for _ in range(3):
        for j in (plain.journal, planted.journal):
            merged, heir = j.account[j.heir >= 0], j.heir[j.heir >= 0]
            both = touched[merged] | touched[heir]
            touched[merged[both]] = touched[heir[both]] = True
    return ~touched


def _rows(table: pa.Table, accounts: Flags) -> pa.Table:
    """Return the rows of these accounts, without the ids that number the rows of the table."""
    is_chosen = pc.is_in(table["account_id"], account_ids(np.flatnonzero(accounts)))
    return table.filter(is_chosen).drop_columns([name for name in table.column_names if name in IDS])


def test_struck_accounts_leave_at_other_times_and_others_do_not(plain: World, planted: World) -> None:
    struck = struck_by(planted, 0)
    left = [j.day[(j.left > 0) & struck[j.account]] for j in (plain.journal, planted.journal)]
    assert not np.array_equal(*left)
    kept = _untouched(plain, planted)
    assert 150 < kept.sum() < 245
    one, other = (j.take(kept[j.account]) for j in (plain.journal, planted.journal))
    assert (one.heir >= 0).sum() > 2 and (one.left == VOLUNTARY).sum() > 20
    for f in fields(one):
        assert np.array_equal(getattr(one, f.name), getattr(other, f.name)), f.name


def test_every_table_has_the_same_rows_of_accounts_that_are_not_struck(plain: World, planted: World) -> None:
    kept = _untouched(plain, planted)
    without, with_cause = observe(plain), observe(planted)
    assert not all(without[name].equals(with_cause[name]) for name in without)
    for name, table in without.items():
        rows = _rows(table, kept)
        assert rows.num_rows > 0 and rows.equals(_rows(with_cause[name], kept)), name


def test_the_events_of_accounts_that_are_not_struck_are_the_same(plain: World, planted: World) -> None:
    kept = _untouched(plain, planted)
    months = zip(event_months(plain), event_months(planted), strict=True)
    for number, (without, with_cause) in enumerate(months):
        one, other = (_rows(_possible(rows), kept) for rows in (without, with_cause))
        assert one.num_rows > 1000 and one.equals(other), number
    assert not without.equals(with_cause)


def _possible(events: pa.Table) -> pa.Table:
    """Return the events without the few invalid ones, which are copies of rows of any account."""
    return events.filter(pc.invert(pc.starts_with(events["event_id"], "E-X")))
