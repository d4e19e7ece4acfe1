"""From feature rows to numbers: texts by how common they are, and only what varies."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest

from tests.training.churn.made_rows import column
from undertow.features.catalogue.cards import Column
from undertow.features.catalogue.choose import make_catalogue
from undertow.training.examples.encoding import ALWAYS, UNKNOWN, ModelColumn, encode, fit_columns, unseen, with_unknown
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


def test_texts_become_ranks_and_nulls_a_rank_of_their_own() -> None:
    column = fitted(segment=["b", "a", "b"])["segment"]
    found = column.encode(pa.chunked_array([["a", None], ["b"]]))
    assert found.tolist() == [1.0, UNKNOWN, 0.0]


def test_a_text_never_seen_is_unknown_and_counted() -> None:
    columns = tuple(fitted(segment=["b", "a", "b"], country=["DE", "AT", "DE"]).values())
    rows = table(segment=["new", "newer", None], country=["DE", "AT", None])
    position = [column.name for column in columns].index("segment")
    assert (encode(columns, rows)[:, position] == UNKNOWN).all()
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


def _column(name: str, categories: tuple[str, ...] | None = None) -> ModelColumn:
    return ModelColumn(**(vars(column(name, "profile", False, None)) | {"categories": categories}))


def test_a_model_meets_unknown_texts_and_numbers_in_training() -> None:
    columns = (_column("segment", ("b", "a")), _column("mrr"), _column("nps"))
    accounts = np.repeat(np.arange(1000), 2)
    matrix = np.column_stack([np.zeros(2000), np.ones(2000), np.where(accounts % 2 == 0, np.nan, 7.0)])
    found = with_unknown(matrix, columns, accounts)
    blanked = (np.isnan(found) | (found == UNKNOWN)) & ~np.isnan(matrix)
    assert blanked[:, 0].mean() == pytest.approx(0.15, abs=0.04)
    assert 0.002 < blanked[:, 1].mean() < 0.03
    assert not blanked[:, 2].any()  # it is null in training already
    assert np.array_equal(blanked[::2], blanked[1::2])  # of whole accounts
    assert not np.isnan(matrix[:, :2]).any()  # the given matrix is left as it was


def test_an_unseen_text_is_not_read_as_the_commonest_one() -> None:
    random = np.random.default_rng(7)
    accounts = np.arange(4000)
    rank = (random.uniform(size=4000) < 0.3).astype(float)  # 0, the commonest, leaves far more often
    left = (random.uniform(size=4000) < np.where(rank == 0, 0.4, 0.05)).astype(float)
    matrix = with_unknown(rank[:, None], (_column("segment", ("a", "b")),), accounts)
    how = {"objective": "binary", "verbosity": -1, "seed": 0, "num_threads": 1}
    naive, aware = (lgb.train(how, lgb.Dataset(m, left), 50) for m in (rank[:, None], matrix))
    assert naive.predict(np.array([[np.nan]])) == pytest.approx(naive.predict(np.array([[0.0]])))  # what this mends
    never_seen = _column("segment", ("a", "b")).encode(pa.chunked_array([["c"]]))
    assert aware.predict(never_seen[:, None])[0] == pytest.approx(left.mean(), abs=0.05)
