"""Accounts as they are answered: contributions and causes add up, and no number is NaN."""

from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest

from undertow.serving.published.answers import as_accounts
from undertow.serving.published.exports.spreadsheet import as_csv
from undertow.serving.published.list_query import AtRiskQuery
from undertow.serving.published.scores import PublishedScores


def test_families_and_like_accounts_add_up_to_the_published_score(published: PublishedScores) -> None:
    for account in as_accounts(published.select(AtRiskQuery()).rows, published.manifest):
        families = account.contributions.families.values()
        total = sum(share or 0.0 for share in families)
        assert (account.like_probability or 0.0) + total == pytest.approx(account.probability["90"], abs=1e-9)


def test_causes_add_up_to_the_probability_at_every_horizon(published: PublishedScores) -> None:
    account = published.account("A-00042")
    for horizon, probability in account.probability.items():
        parts = [account.by_cause[cause][horizon] or 0.0 for cause in ("voluntary", "involuntary")]
        assert sum(parts) == pytest.approx(probability)


def test_a_probability_above_1_by_rounding_is_answered_as_1(published: PublishedScores) -> None:
    rows = published.select(AtRiskQuery(limit=1)).rows
    for name in ("p_90", "p_voluntary_90", "like_probability"):
        rows = rows.set_column(rows.column_names.index(name), name, pa.array([1.0 + 4e-16]))
    account = as_accounts(rows, published.manifest)[0]
    assert account.probability["90"] == account.by_cause["voluntary"]["90"] == account.like_probability == 1.0


def test_numbers_that_are_not_finite_leave_as_null(published: PublishedScores) -> None:
    rows = published.select(AtRiskQuery(limit=1)).rows
    position = rows.column_names.index("clv")
    broken = rows.set_column(position, "clv", pa.array([float("nan")]))
    assert as_accounts(broken, published.manifest)[0].clv.value is None
    assert b"NaN" not in msgspec.json.encode(as_accounts(broken, published.manifest))
    assert "nan" not in as_csv(broken).lower()
