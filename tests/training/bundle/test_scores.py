"""Scores of several batches, joined, are those of all accounts scored at once."""

from __future__ import annotations

from dataclasses import fields

import pyarrow as pa
import pytest

from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores


def test_joined_batches_are_the_scores_of_all_accounts_in_their_order(bundle: Bundle, rows: pa.Table) -> None:
    at_once = bundle.score(rows)
    joined = Scores.join([bundle.score(rows.slice(0, 7)), bundle.score(rows.slice(7))])
    assert len(joined.clv) == rows.num_rows > 8
    for field in fields(Scores):
        together, apart = getattr(at_once, field.name), getattr(joined, field.name)
        assert apart == pytest.approx(together, abs=1e-9), field.name
