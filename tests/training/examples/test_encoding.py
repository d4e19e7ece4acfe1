"""From feature rows to numbers: texts by how common they are, and only what varies."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from undertow.features.catalogue.cards import Column
from undertow.features.catalogue.choose import make_catalogue
from undertow.training.examples.encoding import ALWAYS, ModelColumn, encode, fit_columns, unseen
from undertow.training.examples.person_periods import KNOWN_OF_BILLING

NAMES = ("segment", "country", "seats", *KNOWN_OF_BILLING, *ALWAYS)
PRESENT = ("accounts", "subscriptions", "planned_changes", "price_steps", "cards", "payments")
COLUMNS: tuple[Column, ...] = tuple(column for column in make_catalogue(PRESENT).columns if column.name in NAMES)


def table(**columns: list[object]) -> pa.Table:
    """Three rows; a column that is not given is constant."""
    usual = {column.name: ["same"] * 3 if column.feature.unit == "text" else [1.0] * 3 for column in COLUMNS}
    return pa.table({**usual, **columns})


def fitted(**columns: list[object]) -> dict[str, ModelColumn]:
    return {column.name: column for column in fit_columns(COLUMNS, table(**columns))}


def test_constant_columns_are_left_out_but_for_those_that_value_needs() -> None:
    assert set(fitted()) == set(ALWAYS)


def test_what_covariates_of_periods_are_computed_from_is_kept_though_constant() -> None:
    assert set(KNOWN_OF_BILLING) <= set(fitted())


def test_columns_that_the_project_lacks_are_not_asked_for() -> None:
    columns = tuple(column for column in COLUMNS if column.feature.tables != {"cards"})
    names = {column.name for column in fit_columns(columns, table())}
    assert names == set(ALWAYS) - {"days_to_card_expiry", "card_expired"}


def test_columns_that_are_null_throughout_are_left_out() -> None:
    assert set(fitted(seats=[None] * 3, segment=pa.array([None] * 3, pa.string()))) == set(ALWAYS)


def test_a_column_that_is_sometimes_null_varies() -> None:
    assert "seats" in fitted(seats=[5.0, None, 5.0])


def test_a_text_with_one_value_is_left_out_even_if_it_is_sometimes_null() -> None:
    assert "segment" not in fitted(segment=["small", None, "small"])


def test_categories_go_from_the_commonest_to_the_rarest_and_ties_by_name() -> None:
    assert fitted(segment=["b", "a", "b"])["segment"].categories == ("b", "a")
    assert fitted(segment=["c", "a", "b"])["segment"].categories == ("a", "b", "c")


def test_texts_become_ranks_and_nulls_nan() -> None:
    column = fitted(segment=["b", "a", "b"])["segment"]
    found = column.encode(pa.chunked_array([["a", None], ["b"]]))
    assert found.tolist() == pytest.approx([1.0, np.nan, 0.0], nan_ok=True)


def test_a_text_never_seen_is_nan_and_counted() -> None:
    columns = tuple(fitted(segment=["b", "a", "b"], country=["DE", "AT", "DE"]).values())
    rows = table(segment=["new", "newer", None], country=["DE", "AT", None])
    position = [column.name for column in columns].index("segment")
    assert np.isnan(encode(columns, rows)[:, position]).all()
    assert unseen(columns, rows) == {"segment": 2}


def test_numbers_stay_as_they_are_and_nulls_become_nan() -> None:
    columns = tuple(fitted(seats=[1.0, 2.0, 3.0]).values())
    rows = table(seats=[7.5, None, -1.0])
    found = encode(columns, rows)[:, [column.name for column in columns].index("seats")]
    assert found.tolist() == pytest.approx([7.5, np.nan, -1.0], nan_ok=True)


def test_the_matrix_goes_by_names_not_by_the_order_of_the_rows() -> None:
    columns = tuple(fitted(seats=[1.0, 2.0, 3.0], mrr=[4.0, 5.0, 6.0]).values())
    rows = table(seats=[1.0, 2.0, 3.0], mrr=[4.0, 5.0, 6.0])
    turned = rows.select(rows.column_names[::-1])
    assert np.array_equal(encode(columns, turned), encode(columns, rows))


def test_a_column_carries_what_its_card_says() -> None:
    [column] = [column for column in fitted(segment=["b", "a", "b"]).values() if column.name == "segment"]
    assert (column.sentence, column.family, column.unit, column.is_text) == ("Segment", "profile", "text", True)
    assert len(column.definition_id) > 4
