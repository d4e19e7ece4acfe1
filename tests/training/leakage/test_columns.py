"""Statistical alarms: what they measure, what they find, and that noise and honest columns raise none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from undertow.features.catalogue.cards import Column, Feature, Unit
from undertow.features.catalogue.language import rows_of
from undertow.features.settings import Training
from undertow.training.examples.outcomes import Outcomes
from undertow.training.examples.split import Examples
from undertow.training.leakage.auroc import Auroc, auroc, bands_of, rates_elsewhere
from undertow.training.leakage.columns import ColumnSignal, column_signals, signal_findings
from undertow.training.leakage.end_states import end_states, source_of, standing_findings
from undertow.training.leakage.model_gain import ModelAlarm, fit_small, model_findings

N = 400
HEADLINE = 90


def column(name: str, text: bool = False, clock: bool = False) -> Column:
    subscriptions = rows_of("subscriptions")
    measure = subscriptions.days_until("renews_at") if clock else subscriptions.count()
    unit: Unit = "text" if text else "score"
    return Column(name, Feature(name, name, family="profile", level="relationship", unit=unit, measure=measure), None)


def churn_days(rng: np.random.Generator, share: float = 0.3, n: int = N) -> np.ndarray:
    """Days to churn within the horizon for a share of n accounts, and none for the others."""
    return np.where(rng.random(n) < share, rng.uniform(0, HEADLINE, n), np.nan)


def levels(examples: Examples, *columns: Column) -> dict[str, str]:
    """Culprit -> level of what is said of these columns."""
    found = signal_findings(column_signals(examples, columns, HEADLINE), HEADLINE)
    return {one.culprit: one.severity for one in found}


# --- the measure -------------------------------------------------------------------------------------


def test_the_area_is_that_of_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    left = rng.random(N) < 0.3
    score = np.round(left + rng.normal(0, 1.5, N))
    found = auroc(score, left, np.arange(N), np.zeros(N, dtype=int))
    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(left, score), abs=1e-12)
    assert found.low < found.value < found.high
    assert found.left == left.sum()


def test_pairs_are_compared_inside_a_moment_only() -> None:
    """A trend of the calendar that all accounts share is no knowledge."""
    rng = np.random.default_rng(1)
    moment = np.repeat([0, 1], N)
    left = rng.random(2 * N) < np.where(moment == 1, 0.6, 0.1)
    score = moment + rng.normal(0, 0.01, 2 * N)
    found = auroc(score, left, np.arange(2 * N), moment)
    assert roc_auc_score(left, score) > 0.75
    assert found is not None
    assert found.low < 0.5 < found.high


def test_many_snapshots_of_an_account_count_as_one() -> None:
    """The same rows seen five times leave the interval as wide as it was."""
    rng = np.random.default_rng(2)
    left, account = rng.random(N) < 0.3, np.arange(N)
    score = left + rng.normal(0, 1.5, N)
    once = auroc(score, left, account, np.zeros(N, dtype=int))
    five = auroc(*(np.tile(part, 5) for part in (score, left, account)), np.repeat(np.arange(5), N))
    assert once and five
    assert five.value == pytest.approx(once.value)
    assert five.high - five.low == pytest.approx(once.high - once.low, rel=1e-9)


def test_the_interval_holds_as_often_as_it_says() -> None:
    """98 % of the intervals of pure noise hold 0.5; of 300, between 95 and 100 % must."""
    rng = np.random.default_rng(3)
    groups, account = np.repeat([0, 1], 100), np.arange(200)
    found = [auroc(rng.normal(size=200), rng.random(200) < 0.3, account, groups) for _ in range(300)]
    held = np.mean([one.low <= 0.5 <= one.high for one in found if one])
    assert 0.95 <= held <= 1.0


def test_too_few_leavers_are_not_measured_and_raise_no_alarm() -> None:
    left = np.arange(N) < 4
    assert auroc(left.astype(float), left, np.arange(N), np.zeros(N, dtype=int)) is None
    left = np.arange(N) < 12
    found = auroc(left.astype(float), left, np.arange(N), np.zeros(N, dtype=int))
    assert found is not None
    assert (found.value, found.strength) == (1.0, 0.0)


def test_a_rate_of_a_category_is_taken_from_other_accounts() -> None:
    """A category of one account each would give its own outcome away."""
    rng = np.random.default_rng(4)
    left, half = rng.random(N) < 0.3, np.arange(N) % 2
    own = rates_elsewhere(np.arange(N, dtype=float), left, half)
    assert np.unique(own[half == 0]).size == 1
    told = rates_elsewhere(left.astype(float), left, half)
    assert told[left].min() > told[~left].max()


# --- columns that were told, and honest ones -----------------------------------------------------------


def test_a_column_that_knows_is_named(examples: Callable[..., Examples]) -> None:
    rng = np.random.default_rng(5)
    days = churn_days(rng)
    knows = ~np.isnan(days) + rng.normal(0, 0.4, N)
    found = examples(days, knows=knows, backwards=-knows, noise=rng.normal(size=N))
    assert levels(found, column("knows"), column("backwards"), column("noise")) == {
        "knows": "failure",
        "backwards": "failure",
    }


def test_a_text_that_knows_is_named(examples: Callable[..., Examples]) -> None:
    rng = np.random.default_rng(6)
    days = churn_days(rng)
    status = np.where(np.isnan(days), "active", "closed").astype(object)
    found = examples(days, status=status, name=[f"n{number}" for number in range(N)])
    assert levels(found, column("status", text=True), column("name", text=True)) == {"status": "failure"}


def test_a_column_filled_for_leavers_only_is_named(examples: Callable[..., Examples]) -> None:
    rng = np.random.default_rng(7)
    days = churn_days(rng)
    found = examples(days, note=[None if np.isnan(day) else float(rng.random()) for day in days])
    assert levels(found, column("note")) == {"note": "failure"}


def test_days_to_renewal_are_only_warned_of(examples: Callable[..., Examples]) -> None:
    rng = np.random.default_rng(8)
    days = churn_days(rng)
    renewal = np.where(np.isnan(days), 400.0, days + 1)
    assert levels(examples(days, renewal=renewal), column("renewal", clock=True)) == {"renewal": "warning"}


@pytest.mark.parametrize("seed", range(20))
def test_noise_raises_no_alarm_however_few_leave(examples: Callable[..., Examples], seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {f"c{number}": rng.normal(size=120) for number in range(20)}
    found = examples(churn_days(rng, 0.2, 120), **columns)
    assert all(level == "note" for level in levels(found, *map(column, columns)).values())


def test_few_leavers_are_said_aloud(examples: Callable[..., Examples]) -> None:
    days = np.full(N, np.nan)
    days[:10] = 5.0
    [found] = signal_findings(column_signals(examples(days, knows=~np.isnan(days) * 1.0), [column("knows")], HEADLINE), 90)
    assert (found.severity, found.culprit) == ("note", "all columns")
    assert "not enough data" in found.text


# --- by days to churn ------------------------------------------------------------------------------------


def test_bands_follow_the_headline() -> None:
    assert bands_of(90) == ((0, 7), (7, 30), (30, 90))
    assert bands_of(30) == ((0, 7), (7, 30))


def by_band(*aurocs: float, left: int = 50) -> list[ColumnSignal]:
    """A column with these areas in the three bands, known to 0.02, and 0.7 on the whole."""
    return [ColumnSignal("c", "value", Auroc(0.7, 0.68, 0.72, left), tuple(Auroc(a, a - 0.02, a + 0.02, left) for a in aurocs))]


@pytest.mark.parametrize(
    ("aurocs", "level"),
    [
        ((0.93, 0.7, 0.6), None),  # an honest sign of the last week
        ((0.98, 0.7, 0.6), "warning"),  # nearly perfect, but late
        ((0.7, 0.98, 0.6), "failure"),  # nearly perfect, and early
        ((0.78, 0.78, 0.78), "failure"),  # as good a season ahead: an end state
        ((0.22, 0.22, 0.22), "failure"),
        ((0.78, 0.78, 0.7), None),  # it fades
        ((0.78, 0.22, 0.78), None),  # it turns round: noise
        ((0.65, 0.65, 0.65), None),  # who somebody is does not fade, but never tells so much
    ],
)
def test_the_profile_by_days_to_churn(aurocs: Sequence[float], level: str | None) -> None:
    found = signal_findings(by_band(*aurocs), HEADLINE)
    assert [one.severity for one in found] == ([level] if level else [])


def test_bands_with_few_leavers_raise_no_alarm() -> None:
    found = signal_findings(by_band(1.0, 1.0, 1.0, left=12), HEADLINE)
    assert [one.severity for one in found] == ["note"]


# --- end states in accounts --------------------------------------------------------------------------------


def snapshots(days: np.ndarray, months: int = 6, **columns: Sequence[object]) -> Examples:
    """Each account once a month for `months`, with its days to churn as told at the first."""
    rows = [
        {"account_id": f"a{account}", "as_of": datetime(2024, 1 + month, 1), "left": day - 30 * month}
        | {name: values[account] for name, values in columns.items()}
        for month in range(months)
        for account, day in enumerate(days)
        if not day < 30 * month
    ]
    left = np.array([row.pop("left") for row in rows], dtype=float)
    cause = np.where(np.isnan(left), "", "voluntary").astype(object)
    n = len(rows)
    return Examples(pa.Table.from_pylist(rows), Outcomes(np.full(n, 400.0), left, np.full(n, np.nan), cause,
                                                         np.zeros(n, dtype=bool)))  # fmt: skip


def culprits(examples: Examples, *columns: Column) -> list[str]:
    return [one.culprit for one in end_states(examples, columns)]


def lasting(rng: np.random.Generator) -> np.ndarray:
    """Days to churn over a year, for 30 % of the accounts."""
    return np.where(rng.random(N) < 0.3, rng.uniform(0, 360, N), np.nan)


def test_a_state_written_at_leaving_is_found_long_before() -> None:
    rng = np.random.default_rng(9)
    days = lasting(rng)
    state = np.where(np.isnan(days), "live", "gone")
    found = snapshots(days, profile_state=state.tolist(), segment=rng.choice(["a", "b"], N).tolist())
    assert culprits(found, column("profile_state", text=True), column("segment", text=True)) == ["accounts.state"]


def test_a_value_that_only_leavers_have_is_found_though_few_have_it() -> None:
    rng = np.random.default_rng(10)
    days = lasting(rng)
    some = ~np.isnan(days) & (rng.random(N) < 0.25)
    reason = [("price" if one else None) for one in some]
    code = np.where(some, 4.0, rng.integers(0, 4, N))
    found = snapshots(days, profile_reason=reason, profile_code=code.tolist())
    assert 15 < some.sum() < 45
    assert culprits(found, column("profile_reason", text=True), column("profile_code")) == [
        "accounts.reason",
        "accounts.code",
    ]


@pytest.mark.parametrize("seed", range(10))
def test_a_bad_segment_is_no_end_state(seed: int) -> None:
    """Twice as many leave from one segment, and a few fields are filled at random."""
    rng = np.random.default_rng(seed)
    segment = rng.choice(["a", "b", "c"], N)
    days = np.where(rng.random(N) < np.where(segment == "a", 0.6, 0.2), rng.uniform(0, 360, N), np.nan)
    note = [("x" if one else None) for one in rng.random(N) < 0.1]
    found = snapshots(days, segment=segment.tolist(), profile_note=note, profile_size=rng.normal(size=N).tolist())
    columns = (column("segment", text=True), column("profile_note", text=True), column("profile_size"))
    assert culprits(found, *columns) == []


def test_columns_that_stand_are_named_in_one_warning() -> None:
    [found] = standing_findings([column("segment", text=True), column("profile_industry", text=True)])
    assert (found.severity, found.culprit) == ("warning", "accounts.segment, accounts.industry")
    assert source_of("mrr") == "mrr"


# --- the model ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gains", "columns", "level"),
    [
        ((("knows", 0.6), ("mrr", 0.4)), 40, "failure"),
        ((("knows", 0.4), ("mrr", 0.3), ("seats", 0.3)), 40, None),
        ((("knows", 0.6), ("mrr", 0.4)), 6, "warning"),  # of six columns one may honestly lead
        ((("renewal", 0.6), ("mrr", 0.4)), 40, "warning"),
        ((("period_renewals", 0.6), ("mrr", 0.4)), 40, "warning"),
    ],
)
def test_one_column_with_most_of_the_gain(gains: tuple, columns: int, level: str | None) -> None:
    found = model_findings(ModelAlarm("a model", columns, gains), [column("renewal", clock=True)], HEADLINE)
    assert [one.severity for one in found] == ([level] if level else [])


def test_a_small_model_leans_on_what_knows(examples: Callable[..., Examples]) -> None:
    rng = np.random.default_rng(11)
    days = churn_days(rng)
    honest = {f"c{number}": rng.normal(size=N) for number in range(25)}
    found = examples(days, knows=~np.isnan(days) + rng.normal(0, 0.3, N), **honest)
    alarm = fit_small(found, tuple(column(name) for name in ("knows", *honest)), HEADLINE, Training())
    assert alarm is not None
    assert alarm.gains[0][0] == "knows" and alarm.gains[0][1] > 0.5
    assert sum(share for _, share in alarm.gains) == pytest.approx(1.0)
    assert fit_small(examples(np.full(N, np.nan)), (column("mrr"),), HEADLINE, Training()) is None


def test_a_model_without_splits_has_no_gain() -> None:
    data = lgb.Dataset(np.ones((50, 1)), label=np.ones(50))
    booster = lgb.train({"verbosity": -1, "objective": "regression"}, data, num_boost_round=1)
    assert booster.feature_importance(importance_type="gain").sum() == 0
    [found] = model_findings(None, (), HEADLINE)
    assert found.severity == "note"
