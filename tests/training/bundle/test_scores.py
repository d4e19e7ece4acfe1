"""Scores of several batches, joined, are those of all accounts scored at once."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pyarrow as pa

from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores


def test_joined_batches_are_the_scores_of_all_accounts_in_their_order(bundle: Bundle, rows: pa.Table) -> None:
    at_once = bundle.score(rows)
    joined = Scores.join([bundle.score(rows.slice(0, 7)), bundle.score(rows.slice(7))])
    assert len(joined.clv) == rows.num_rows > 8
    for field in fields(Scores):
        assert np.array_equal(getattr(joined, field.name), getattr(at_once, field.name)), field.name
