"""Encoding of feature rows as the numeric matrix of a model: numbers as they are, texts as ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import Column, Family, Level, Unit, definition_id
from undertow.features.catalogue.given import given_definition
from undertow.training.examples.announced import ANNOUNCED
from undertow.training.examples.person_periods import KNOWN_OF_BILLING, has_column

# periods, value and notices are computed from them, as far as the project's catalogue has them
ALWAYS = ("mrr", "tenure_days", "days_to_renewal", "term_months", *KNOWN_OF_BILLING, *ANNOUNCED)
UNKNOWN = -1.0  # the rank of a text that is null or was not seen in training
BLANK_TEXTS, BLANK_NUMBERS = 0.15, 0.01  # shares of accounts


@dataclass(frozen=True)
class ModelColumn:
    """One input column of a model, with the facts of its feature card.

    `categories`: for a text column, its values in training from the commonest to the rarest. `feeds`, `deviates`: as
    on the card.
    """

    name: str
    card: str
    sentence: str
    family: Family
    level: Level
    unit: Unit
    definition_id: str
    window: int | None
    against: str | None
    before: int | None
    good: str | None
    categories: tuple[str, ...] | None = None
    feeds: bool = False
    deviates: bool = False

    @property
    def is_text(self) -> bool:
        """Whether the column holds texts."""
        return self.categories is not None

    @property
    def is_given(self) -> bool:
        """Whether the column is read from a file of feature rows, and not computed from tables."""
        return self.definition_id == given_definition(self.name)

    def encode(self, values: pa.ChunkedArray) -> np.ndarray:
        """Return the number, NaN where null, or the rank of the text, UNKNOWN where null or not seen in training.

        Float, shape (n,). Unknown texts have a rank of their own, which `with_unknown` brings into training.
        """
        if self.categories is None:
            numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
            return np.asarray(numbers, dtype=np.float64)
        rank = {text: float(position) for position, text in enumerate(self.categories)}
        return np.array([rank.get(text, UNKNOWN) for text in values.to_pylist()], dtype=np.float64)

    def is_known(self, encoded: np.ndarray) -> np.ndarray:
        """Return which encoded values are known, bool, shape (n,)."""
        return encoded != UNKNOWN if self.is_text else ~np.isnan(encoded)


def fit_columns(columns: tuple[Column, ...], rows: pa.Table) -> tuple[ModelColumn, ...]:
    """Return the columns that vary in `rows`, with the categories found there.

    A column that is constant or always null carries no information and is left out, except those
    from which periods, value and notices are computed.
    """
    fitted_columns = []
    for column in columns:
        values = rows[column.name]
        categories = _categories(values) if column.feature.unit == "text" else None
        fitted = _model_column(column, categories)
        encoded = fitted.encode(values)
        known = encoded[fitted.is_known(encoded)]
        varies = len(known) > 0 and (len(known) < len(encoded) or known.min() < known.max())
        if column.name in ALWAYS or (varies and not (categories is not None and len(categories) < 2)):
            fitted_columns.append(fitted)
    return tuple(fitted_columns)


def encode(columns: tuple[ModelColumn, ...], rows: pa.Table) -> np.ndarray:
    """Return the matrix, float64, shape (n, len(columns)), in the order of `columns`; unknown where rows lack one."""
    matrix = np.full((rows.num_rows, len(columns)), np.nan)
    places = [place for place, column in enumerate(columns) if not column.is_text and has_column(rows, column.name)]
    matrix[:, places] = numeric(rows, [columns[place].name for place in places])
    for place, column in enumerate(columns):
        if column.is_text:
            matrix[:, place] = column.encode(rows[column.name]) if has_column(rows, column.name) else UNKNOWN
    return matrix


def numeric(rows: pa.Table, names: list[str]) -> np.ndarray:
    """Return columns of numbers as a matrix, float64, shape (n, len(names)); NaN where null."""
    chosen, kind = rows.select(names), pa.float64()
    if any(each != kind for each in chosen.schema.types):
        chosen = chosen.cast(pa.schema([(name, kind) for name in names]))
    batches = chosen.to_batches() if names else []
    parts = [batch.to_tensor(null_to_nan=True).to_numpy() for batch in batches]
    return np.concatenate(parts) if parts else np.empty((rows.num_rows, len(names)))


def with_unknown(matrix: np.ndarray, columns: tuple[ModelColumn, ...], accounts: np.ndarray) -> np.ndarray:
    """Return the training matrix with values blanked for some accounts, so that a model learns what unknown means.

    Texts of 15 % of the accounts become UNKNOWN, and numbers that are never null in training NaN for 1 %: trees read
    what they never met as the commonest text, or as 0. `accounts`: (n,), whole numbers from 0.
    """
    random, blanked = np.random.default_rng(0), matrix.copy()
    for place, column in enumerate(columns):
        is_never_null = not np.isnan(matrix[:, place]).any()
        share = BLANK_TEXTS if column.is_text else BLANK_NUMBERS if is_never_null else 0.0
        hit = random.random(accounts.max() + 1) < share
        blanked[hit[accounts], place] = UNKNOWN if column.is_text else np.nan
    return blanked


def unseen(columns: tuple[ModelColumn, ...], rows: pa.Table) -> dict[str, int]:
    """Return column -> number of rows whose text does not occur in training (read as unknown)."""
    counts = {}
    for column in columns:
        if column.categories is not None and column.name in rows.column_names:
            known = set(column.categories)
            strange = [text for text in rows[column.name].to_pylist() if text is not None and text not in known]
            if strange:
                counts[column.name] = len(strange)
    return counts


def _categories(values: pa.ChunkedArray) -> tuple[str, ...]:
    counted = values.drop_null().value_counts().to_pylist()
    counted.sort(key=lambda entry: (-entry["counts"], entry["values"]))
    return tuple(entry["values"] for entry in counted)


def _model_column(column: Column, categories: tuple[str, ...] | None) -> ModelColumn:
    feature = column.feature
    return ModelColumn(
        name=column.name,
        card=feature.name,
        sentence=column.sentence,
        family=feature.family,
        level=feature.level,
        unit=feature.unit,
        definition_id=definition_id(feature),
        window=column.window,
        against=column.against,
        before=column.before,
        good=feature.good,
        categories=categories,
        feeds=column.feeds,
        deviates=feature.deviates,
    )
