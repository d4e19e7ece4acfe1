"""Median feature values per segment in the training data, shown as "typical" beside each reason."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from undertow.training.examples.encoding import ModelColumn, encode
from undertow.training.examples.split import segments

FEW_IN_SEGMENT = 50  # snapshots; a smaller segment takes the medians of all accounts


def typical_values(rows: pa.Table, columns: tuple[ModelColumn, ...]) -> dict[str, dict[str, float]]:
    """Return segment ("" for all accounts) -> column -> median of the known values."""
    numbers = tuple(column for column in columns if not column.is_text)
    matrix = encode(numbers, rows)
    groups = {"": np.ones(rows.num_rows, dtype=bool)}
    for name, mask in segments(rows).items():
        if mask.sum() >= FEW_IN_SEGMENT:
            groups[name] = mask
    return {name: _medians(matrix[mask], numbers) for name, mask in groups.items()}


def _medians(matrix: np.ndarray, columns: tuple[ModelColumn, ...]) -> dict[str, float]:
    medians = {}
    for position, column in enumerate(columns):
        known = matrix[:, position][~np.isnan(matrix[:, position])]
        if len(known):
            medians[column.name] = float(np.median(known))
    return medians
