"""The model as serving loads it: the same numbers whoever asks, and parts that add up, on a trained world."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from undertow.features.catalogue.cards import FAMILIES
from undertow.features.errors import ModelRefusal, RequestError
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores
from undertow.training.churn.curves import logit


@pytest.fixture(scope="module")
def scores(bundle: Bundle, rows: pa.Table) -> Scores:
    return bundle.score(rows)


def with_column(rows: pa.Table, name: str, values: object) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, pa.array(values))


def same(one: Scores, other: Scores) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Scores))


def test_what_was_saved_and_loaded_scores_to_the_same_byte(
    bundle: Bundle, rows: pa.Table, scores: Scores, tmp_path: Path
) -> None:
    bundle.save(tmp_path)
    loaded = Bundle.load(tmp_path)
    assert same(loaded.score(rows), scores)
    assert (loaded.columns, loaded.typical, loaded.value) == (bundle.columns, bundle.typical, bundle.value)


def test_a_bundle_is_text_and_json_and_nothing_is_pickled(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path)
    members = [f"{one.cause}-{member}.txt" for one in bundle.causes for member in range(len(one.boosters))]
    assert len(members) >= 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*members, "bundle.json"])
    for path in tmp_path.iterdir():
        assert path.read_text(encoding="utf-8").startswith("{" if path.suffix == ".json" else "tree\n")


def test_the_order_of_columns_does_not_matter(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    turned = rows.select(rows.column_names[::-1])
    assert turned.column_names != rows.column_names
    assert same(bundle.score(turned), scores)


def test_an_account_scores_the_same_alone_and_among_others(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    for position in (0, 7, len(scores.clv) - 1):
        alone = bundle.score(rows.slice(position, 1))
        assert alone.probability[0] == pytest.approx(scores.probability[position], abs=1e-12)
        assert alone.probability_by_feature[0] == pytest.approx(scores.probability_by_feature[position], abs=1e-12)
        assert alone.clv[0] == pytest.approx(scores.clv[position])


def test_missing_columns_are_named(bundle: Bundle, rows: pa.Table) -> None:
    with pytest.raises(RequestError, match="lack the columns mrr; give null where unknown"):
        bundle.score(rows.drop_columns(["mrr"]))
    with pytest.raises(RequestError, match="lack the columns as_of"):
        bundle.score(rows.drop_columns(["as_of"]))


def test_another_format_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path)
    written = json.loads((tmp_path / "bundle.json").read_text())
    (tmp_path / "bundle.json").write_text(json.dumps(written | {"format": 99}))
    with pytest.raises(ModelRefusal, match=r"is of format 99, this release reads \d+: train again"):
        Bundle.load(tmp_path)


def test_contributions_and_the_baseline_make_the_headline_probability(bundle: Bundle, scores: Scores) -> None:
    served = scores.probability[:, bundle.ends.index(bundle.headline)]
    by_feature = scores.baseline_probability + scores.probability_by_feature.sum(axis=1)
    by_family = scores.baseline_probability + scores.probability_by_family.sum(axis=1)
    assert np.abs(by_feature - served).max() < 1e-9
    assert np.abs(by_family - served).max() < 1e-9


def test_log_odds_of_families_make_the_log_odds_of_the_headline(bundle: Bundle, scores: Scores) -> None:
    served = logit(scores.probability[:, bundle.ends.index(bundle.headline)])
    found = scores.baseline_log_odds + scores.log_odds_by_family.sum(axis=1)
    assert np.abs(found - served).max() < 1e-9
    assert scores.baseline_log_odds == pytest.approx(float(logit(np.array(scores.baseline_probability))))


def test_causes_add_up_and_horizons_only_rise(scores: Scores) -> None:
    assert scores.by_cause.sum(axis=2) == pytest.approx(scores.probability, abs=1e-12)
    assert (np.diff(scores.probability, axis=1) >= 0).all()
    assert (np.diff(scores.by_cause, axis=1) >= 0).all()
    assert ((scores.probability > 0) & (scores.probability < 1)).all()


def test_value_at_risk_is_what_churn_takes(scores: Scores) -> None:
    assert scores.value_at_risk == pytest.approx(scores.clv_if_kept - scores.clv)
    assert (scores.value_at_risk > 0).all()


def test_probability_alone_is_the_scored_probability(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    assert np.array_equal(bundle.probability(rows), scores.probability)


def test_profile_is_never_the_first_family(scores: Scores) -> None:
    assert scores.first_family.shape == (len(scores.clv), 2)
    assert not (scores.first_family == FAMILIES.index("profile")).any()


def at(rows: pa.Table, bundle: Bundle, family: str, worst: bool) -> pa.Table:
    """Rows where every measure of a family that has a better side is at its worst, or its best, tenth."""
    for column in bundle.columns:
        if column.family == family and column.against is None and column.good in ("low", "high"):
            known = rows[column.name].drop_null().to_numpy()
            share = 0.9 if (column.good == "low") == worst else 0.1
            rows = with_column(rows, column.name, np.full(rows.num_rows, np.quantile(known, share)))
    return rows


# Not "ux": broken pages act through moods that usage and tickets show better, and heavy users meet more of them and
# stay; whether its direction is learned from a small world is luck. `make yardsticks` tells how far its reasons hold.
@pytest.mark.parametrize("family", ["cx", "usage"])
def test_a_worse_experience_raises_the_mean_score(bundle: Bundle, rows: pa.Table, family: str) -> None:
    worse, better = at(rows, bundle, family, worst=True), at(rows, bundle, family, worst=False)
    moved = [name for name in rows.column_names if not worse[name].equals(better[name])]
    assert len(moved) > 5
    assert bundle.probability(worse)[:, 2].mean() > 1.05 * bundle.probability(better)[:, 2].mean()


def test_a_renewal_ahead_raises_the_score_of_an_annual_contract(bundle: Bundle, rows: pa.Table) -> None:
    annual = rows.filter(pa.array([term == 12 for term in rows["term_months"].to_pylist()]))
    soon, late = (with_column(annual, "days_to_renewal", [days] * annual.num_rows) for days in (20.0, 300.0))
    assert annual.num_rows > 20
    assert bundle.probability(soon)[:, 0].mean() > 1.3 * bundle.probability(late)[:, 0].mean()


def test_twice_the_money_is_twice_the_value_of_a_kept_account(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    doubled = bundle.score(with_column(rows, "mrr", [2 * mrr for mrr in rows["mrr"].to_pylist()]))
    assert doubled.clv_if_kept == pytest.approx(2 * scores.clv_if_kept)


def test_an_account_of_which_nothing_is_known_can_be_scored(bundle: Bundle, rows: pa.Table) -> None:
    unknown = pa.table({"as_of": rows["as_of"].slice(0, 1), **{c.name: pa.nulls(1) for c in bundle.columns}})
    found = bundle.score(unknown)
    assert np.isfinite(found.probability).all()
    assert (found.clv[0], found.value_at_risk[0]) == (0, 0)
    assert found.baseline_probability + found.probability_by_feature.sum() == pytest.approx(
        found.probability[0, bundle.ends.index(bundle.headline)], abs=1e-9
    )


def test_texts_never_seen_are_counted_and_read_as_unknown(bundle: Bundle, rows: pa.Table) -> None:
    assert bundle.unseen(rows) == {}
    strange = with_column(rows, "segment", ["martian"] * rows.num_rows)
    unknown = with_column(rows, "segment", pa.nulls(rows.num_rows, pa.string()))
    assert bundle.unseen(strange) == {"segment": rows.num_rows}
    assert np.array_equal(bundle.probability(strange), bundle.probability(unknown))
