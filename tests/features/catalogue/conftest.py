"""The examples of a test module, all computed by one query per plan."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.features.catalogue.rows import AS_OF, ComputeExample, Example, Row, Rows, account
from undertow.features.catalogue.choose import EVERY, make_catalogue
from undertow.features.catalogue.language import measures
from undertow.features.tables import ALL_TABLES

CARDS = {card.name: card for card in make_catalogue(ALL_TABLES, features=EVERY).features}


@pytest.fixture(scope="module")
def computed(
    request: pytest.FixtureRequest, features_of: Callable[..., dict[str, dict[str, object]]]
) -> ComputeExample:
    """Return a function from an example of the module's EXAMPLES to the computed values of the columns it names.

    Each example is an account of its own. An example with `peers` has a segment to itself: the account and one more
    for each entry there. A fading card may read the rows of all accounts, so each of its examples has its own query:
    the account and one more for each entry of `others`.
    """
    examples: list[Example] = [each for each in request.module.EXAMPLES if not _fades(each.card)]
    cards = {example.card for example in examples}
    every = make_catalogue(ALL_TABLES, features=EVERY).columns
    columns = [column for column in every if column.feature.name in cards]
    accounts = [pair for example in examples for pair in _accounts(example)]
    tables: dict[str, list[Row]] = {name: [] for name in ALL_TABLES}
    for name, rows_of_account in accounts:
        for table, rows in rows_of_account.items():
            tables[table] += [{"account_id": name, **row} for row in rows]
    found = features_of(columns, tables, AS_OF, [name for name, _ in accounts])

    def compute(example: Example) -> dict[str, object]:
        values = _alone(example, features_of) if _fades(example.card) else found[str(example)]
        return {name: values[name] for name in example.expected}

    return compute


def _fades(card: str) -> bool:
    return any(measure.half_life is not None for measure in measures(CARDS[card].measure))


def _alone(example: Example, features_of: Callable[..., dict[str, dict[str, object]]]) -> dict[str, object]:
    tables: dict[str, list[Row]] = {}
    for number, rows in enumerate((example.rows, *example.others)):
        for table, some in rows.items():
            tables.setdefault(table, []).extend({"account_id": f"account {number}", **row} for row in some)
    return features_of(CARDS[example.card].columns, tables, AS_OF, ["account 0"])["account 0"]


def _accounts(example: Example) -> list[tuple[str, Rows]]:
    """Return the account of an example, and with it those it is compared with: (account_id, its rows)."""
    if not example.peers:
        return [(str(example), example.rows)]
    in_segment = account(900, segment=str(example))
    others = [(f"{example}, peer {number}", rows) for number, rows in enumerate(example.peers)]
    return [(name, {**rows, **in_segment}) for name, rows in [(str(example), example.rows), *others]]
