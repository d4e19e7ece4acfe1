"""The model as serving loads it: the same numbers whoever asks, and parts that add up."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.training.bundle.by_hand import random_rows
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.errors import ModelRefusal, RequestError
from undertow.training.bundle.attribution import contributions_of
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores
from undertow.training.churn.cause_model import CauseModel
from undertow.training.examples.encoding import encode
from undertow.training.examples.outcomes import CAUSES
from undertow.training.examples.person_periods import period_inputs
from undertow.training.value.growth import Growth
from undertow.training.value.intervals import ValueIntervals
from undertow.training.value.subscription import discount_factors


def with_column(rows: pa.Table, name: str, values: object) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, pa.array(values))


def same(one: Scores, other: Scores) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Scores))


# --- the same numbers ---------------------------------------------------------------------------


def test_what_was_saved_and_loaded_scores_to_the_same_byte(
    bundle: Bundle, rows: pa.Table, scores: Scores, tmp_path: Path
) -> None:
    bundle.save(tmp_path)
    loaded = Bundle.load(tmp_path)
    assert same(loaded.score(rows), scores)
    assert loaded.typical_values(rows) == bundle.typical_values(rows)
    assert [cause.recipe for cause in loaded.causes] == [cause.recipe for cause in bundle.causes]
    for name in ("columns", "value", "stability", "headline", "ends", "contribution_names", "needed"):
        assert getattr(loaded, name) == getattr(bundle, name), name


def test_a_model_of_constant_hazards_is_saved_and_scores_every_account_alike(
    bundle: Bundle, rows: pa.Table, tmp_path: Path
) -> None:
    causes = tuple(CauseModel(cause, (-3.0,) * len(bundle.ends)) for cause in CAUSES)
    none = bundle.like.means[:, :0]
    replace(bundle, causes=causes, like=replace(bundle.like, means=none)).save(tmp_path)
    found = Bundle.load(tmp_path).score(rows)
    assert len(np.unique(found.probability[:, 2])) == 1
    assert found.like_probability == pytest.approx(found.probability[:, 2])
    assert (found.probability_by_family == 0).all()


def test_a_bundle_is_text_and_json_and_nothing_is_pickled(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path)
    members = [f"voluntary-{stage}-{number}.txt" for stage in ("position", "trees") for number in range(2)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*members, "bundle.json"])
    for path in tmp_path.iterdir():
        assert path.read_text(encoding="utf-8").startswith("{" if path.suffix == ".json" else "tree\n")


def test_another_format_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path)
    written = json.loads((tmp_path / "bundle.json").read_text())
    (tmp_path / "bundle.json").write_text(json.dumps(written | {"format": 99}))
    with pytest.raises(ModelRefusal, match=r"is of format 99, this release reads \d+: train again"):
        Bundle.load(tmp_path)


def test_the_order_of_columns_does_not_matter(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    turned = rows.select(rows.column_names[::-1])
    assert turned.column_names != rows.column_names
    assert same(bundle.score(turned), scores)


def test_the_order_of_rows_does_not_matter(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    turned = bundle.score(rows.take(pa.array(range(rows.num_rows))[::-1]))
    for field in fields(Scores):
        assert getattr(turned, field.name)[::-1] == pytest.approx(getattr(scores, field.name), abs=1e-12), field.name


def test_an_account_scores_the_same_alone_and_among_others(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    for position in (0, 7, len(scores.clv) - 1):
        alone = bundle.score(rows.slice(position, 1))
        for field in fields(Scores):
            one, among = getattr(alone, field.name)[0], getattr(scores, field.name)[position]
            assert one == pytest.approx(among, rel=1e-12, abs=1e-12), field.name


def test_probability_alone_is_the_scored_probability(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    assert np.array_equal(bundle.probability(rows), scores.probability)


# --- what rows must hold ------------------------------------------------------------------------


def test_missing_columns_are_named(bundle: Bundle, rows: pa.Table) -> None:
    with pytest.raises(RequestError, match="lack the columns mrr; give null where unknown"):
        bundle.score(rows.drop_columns(["mrr"]))
    with pytest.raises(RequestError, match="lack the columns as_of"):
        bundle.score(rows.drop_columns(["as_of"]))


def test_columns_that_are_evidence_alone_may_be_absent(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    assert {column.name for column in bundle.columns} - set(bundle.needed) == {"crashes_30"}
    assert same(bundle.score(rows.drop_columns(["crashes_30"])), scores)


def test_texts_never_seen_are_counted_and_read_as_unknown(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    assert bundle.unseen(rows) == {}
    strange = with_column(rows, "segment", ["martian"] * rows.num_rows)
    unknown = with_column(rows, "segment", pa.nulls(rows.num_rows, pa.string()))
    assert bundle.unseen(strange) == {"segment": rows.num_rows}
    assert same(bundle.score(strange), bundle.score(unknown))
    assert not np.array_equal(bundle.probability(unknown), scores.probability)


def test_an_account_of_which_nothing_is_known_can_be_scored(bundle: Bundle, rows: pa.Table) -> None:
    unknown = pa.table({"as_of": rows["as_of"].slice(0, 1), **{c.name: pa.nulls(1) for c in bundle.columns}})
    found = bundle.score(unknown)
    assert (found.clv[0], found.value_at_risk[0]) == (0, 0)
    assert found.like_probability + found.probability_by_feature.sum() == pytest.approx(
        found.probability[:, bundle.ends.index(bundle.headline)], abs=1e-9
    )


# --- parts that add up --------------------------------------------------------------------------


def test_like_accounts_and_contributions_make_the_headline_probability(bundle: Bundle, scores: Scores) -> None:
    served = scores.probability[:, bundle.ends.index(bundle.headline)]
    assert scores.probability_by_family.shape == (len(served), len(REASON_FAMILIES))
    for parts in (scores.probability_by_feature, scores.probability_by_family):
        assert np.abs(scores.like_probability + parts.sum(axis=1) - served).max() < 1e-9
    assert (np.abs(scores.probability_by_family).max(axis=0) > 0.01).all()


def test_the_contract_and_the_profile_are_in_no_contribution(bundle: Bundle) -> None:
    assert set(bundle.contribution_families) == set(REASON_FAMILIES)
    assert not {"mrr", "tenure_days", "days_to_renewal", "term_months", "segment"} & set(bundle.contribution_names)


def test_causes_add_up_and_horizons_only_rise(scores: Scores) -> None:
    assert scores.by_cause.sum(axis=2) == pytest.approx(scores.probability, abs=1e-12)
    assert (np.diff(scores.probability, axis=1) >= 0).all()
    assert (np.diff(scores.by_cause, axis=1) >= 0).all()
    assert ((scores.probability > 0) & (scores.probability < 1)).all()


def test_an_account_that_contributes_what_its_like_accounts_do_has_no_reason(bundle: Bundle) -> None:
    row = random_rows(1, seed=3)
    inputs = period_inputs(encode(bundle.columns, row), row, bundle.ends)
    means = bundle.like.means.copy()
    means[bundle.like.groups_of(inputs)] = contributions_of(bundle.causes, bundle.used, inputs.first(3))
    found = replace(bundle, like=replace(bundle.like, means=means)).score(row)
    assert np.abs(bundle.score(row).probability_by_family).max() > 0.001
    assert np.abs(found.probability_by_feature).max() < 1e-12
    assert found.like_probability == pytest.approx(found.probability[:, 2], abs=1e-12)


def test_the_features_that_move_a_score_most_come_first(bundle: Bundle, scores: Scores) -> None:
    top = bundle.top_features(scores, 0, most=3)
    assert len(top) == 3
    sizes = [abs(share) for _, _, share in top]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] == np.abs(scores.probability_by_feature[0]).max()


# --- what changed -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def before(rows: pa.Table) -> pa.Table:
    """The same accounts a year earlier, with another tenure and other experiences."""
    other = random_rows(rows.num_rows, seed=6)
    early = [moment.as_py().replace(year=moment.as_py().year - 1) for moment in rows["as_of"]]
    kept = {name: rows[name] for name in ("account_id", "term_months", "segment", "mrr")}
    moved = {name: other[name] for name in other.column_names if name not in (*kept, "as_of")}
    return pa.table({"as_of": pa.array(early, pa.timestamp("us")), **kept, **moved})


def test_what_changed_adds_up_to_the_difference_of_the_scores(bundle: Bundle, rows: pa.Table, before: pa.Table) -> None:
    found = bundle.change(rows, before)
    moved = bundle.probability(rows)[:, 2] - bundle.probability(before)[:, 2]
    assert np.abs(moved).max() > 0.1
    for parts in (found.by_family, found.by_feature):
        assert np.abs(parts.sum(axis=1) + found.clock - moved).max() < 1e-9
    assert (np.abs(found.by_family).max(axis=0) > 0.01).all()


def test_a_change_of_the_contract_alone_moves_the_clock_and_no_family(bundle: Bundle, rows: pa.Table) -> None:
    earlier = with_column(rows, "days_to_renewal", [days + 60 for days in rows["days_to_renewal"].to_pylist()])
    earlier = with_column(earlier, "tenure_days", [days - 5 for days in rows["tenure_days"].to_pylist()])
    found = bundle.change(rows, earlier)
    assert (found.by_feature == 0).all() and (found.by_family == 0).all()
    assert found.clock == pytest.approx(bundle.probability(rows)[:, 2] - bundle.probability(earlier)[:, 2], abs=1e-12)
    assert np.abs(found.clock).max() > 0.01


def test_a_change_of_one_measure_moves_its_family_alone(bundle: Bundle, rows: pa.Table) -> None:
    found = bundle.change(with_column(rows, "error_rate_30", [0.15] * rows.num_rows), rows)
    ux = REASON_FAMILIES.index("ux")
    assert (found.by_family[:, ux] > -1e-12).all() and found.by_family[:, ux].max() > 0.05
    assert np.abs(np.delete(found.by_family, ux, axis=1)).max() < 1e-12
    assert np.abs(found.clock).max() < 1e-12


# --- typical values -----------------------------------------------------------------------------


def test_typical_values_are_medians_of_accounts_in_the_same_contract_position(bundle: Bundle, rows: pa.Table) -> None:
    typical = bundle.typical_values(rows)
    assert len(typical) == rows.num_rows
    by_term = {
        term: {row["active_days_30"] for row, of in zip(typical, rows["term_months"].to_pylist(), strict=True)
               if of == term}
        for term in (1.0, 12.0)
    }  # fmt: skip
    assert max(by_term[1.0]) < 15 < min(by_term[12.0])  # those that pay by the month are less active
    assert {"crashes_30", "mrr"} < set(typical[0]) and "segment" not in typical[0]


# --- value --------------------------------------------------------------------------------------


def test_value_at_risk_is_what_leaving_within_the_headline_takes(bundle: Bundle, scores: Scores) -> None:
    assert scores.value_at_risk == pytest.approx(scores.clv_if_kept - scores.clv)
    assert (scores.value_at_risk > 0).all()
    leaves = scores.probability[:, bundle.ends.index(bundle.headline)]
    assert (scores.value_at_risk < leaves * scores.clv_if_kept).all()  # whoever leaves has paid for some of it
    assert (scores.value_at_risk > 0.7 * leaves * scores.clv_if_kept).all()


def test_money_adds_up_from_like_accounts_by_family(scores: Scores) -> None:
    total = scores.like_value_at_risk + scores.value_at_risk_by_family.sum(axis=1)
    assert total == pytest.approx(scores.value_at_risk, abs=1e-9 * scores.value_at_risk.max())


def test_longer_horizons_are_worth_more_and_the_whole_relationship_most(scores: Scores) -> None:
    assert (np.diff(scores.clv_by_horizon, axis=1) > 0).all()
    assert scores.clv_by_horizon[:, 0] == pytest.approx(scores.clv)
    assert (scores.months_in_a_year < 12).all() and (scores.months_in_a_year < scores.months_expected).all()


def test_growth_raises_the_value_and_not_the_probability(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    grown = replace(bundle, growth=Growth(mean=0.2)).score(rows)
    assert np.array_equal(grown.probability, scores.probability)
    assert (grown.clv > 1.05 * scores.clv).all()


def test_an_interval_is_money_around_the_forecast(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    certain = rows["mrr"].to_numpy() * bundle.value.margin * discount_factors(bundle.value, 12).sum()
    assert scores.clv_high - scores.clv_low == pytest.approx(0.8 * 1.1 * certain)
    assert (scores.clv_low <= scores.clv).all() and (scores.clv <= scores.clv_high).all()
    unknown = replace(bundle, intervals=ValueIntervals()).score(rows)
    assert np.isnan(unknown.clv_low).all() and np.array_equal(unknown.clv, scores.clv)


def test_twice_the_money_is_twice_the_value_of_a_kept_account(bundle: Bundle, rows: pa.Table, scores: Scores) -> None:
    doubled = bundle.score(with_column(rows, "mrr", [2 * mrr for mrr in rows["mrr"].to_pylist()]))
    assert doubled.clv_if_kept == pytest.approx(2 * scores.clv_if_kept)
