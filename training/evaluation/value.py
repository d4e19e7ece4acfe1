"""Value forecasts judged by what accounts were really worth: totals, tenths, errors and the coverage of intervals.

Accounts are judged by models that did not learn from them, over months that were followed to their end. Beside the
model stand two rules: MRR for every month, and MRR times the mean survival of all accounts.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from undertow.training.bundle.bundle import Bundle
from undertow.training.churn import curves
from undertow.training.evaluation.intervals import Estimate, account_weights
from undertow.training.examples.encoding import encode
from undertow.training.examples.split import Examples
from undertow.training.value.intervals import ValueIntervals, fit_intervals
from undertow.training.value.purchases.fitted import JudgedSpend
from undertow.training.value.subscription import discount_factors, lifetime_value

TENTHS = 10
FEW_ACCOUNTS = 200  # below it, values are not judged


@dataclass(frozen=True)
class ValueForecast:
    """Forecasts of n accounts over a stated number of months, beside what was realised; shape (n,), money.

    `certain`: the value if the account had been certain to stay, without growth. `risk`: P(leaving within the headline
    horizon). `account`: whole numbers. `low`, `high`: of the 80 % interval that was served; None where the intervals
    are learned from these accounts themselves.
    """

    months: int
    forecast: np.ndarray
    realised: np.ndarray
    certain: np.ndarray
    risk: np.ndarray
    account: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    def intervals(self, counted: float = 1.0) -> ValueIntervals:
        """Learn the intervals of later forecasts from these; `counted`: as for `fit_intervals`."""
        return fit_intervals(
            self.forecast / self.certain, self.realised / self.certain, self.certain, self.account, counted
        )


@dataclass(frozen=True)
class ValueResult:
    """How good value forecasts of one model are.

    `total`: forecast / realised, with a 95 % interval from a bootstrap of accounts. `tenths`: the same per tenth of the
    forecast, lowest first. `error`: root mean square, in shares of the value if certain to stay; for spend without a
    contract, the mean absolute error per mean spend. `coverage`: share of realised
    values inside the 80 % interval, overall and per tenth of value and of risk, of the snapshots that have one; None
    for a rule, and where none has.
    """

    model: str
    months: int
    snapshots: int
    accounts: int
    total: Estimate
    tenths: tuple[float, ...]
    error: float
    coverage: float | None = None
    coverage_by_value: tuple[float, ...] = ()
    coverage_by_risk: tuple[float, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return asdict(self)


def held_out_values(bundle: Bundle, held_out: Examples) -> tuple[ValueForecast | None, np.ndarray]:
    """Return the served forecasts of held-out snapshots followed over all months, with intervals; and which they are.

    None where there are none. The second: bool, (n,).
    """
    features = encode(bundle.columns, held_out.rows)
    survival = curves.survival(bundle.log_odds(held_out.rows))
    found = value_forecast(bundle, held_out, features, survival)
    judged = _followed(bundle, held_out, features, survival)
    if found is None:
        return None, judged
    ahead, months = bundle.outlook(features, held_out.rows), bundle.value.months
    clv = lifetime_value(survival, bundle.ends, ahead.planned.first(months))
    ends = ahead.interval(clv, bundle.value, bundle.intervals)
    low, high = (end[judged] for end in ends)
    return replace(found, low=low, high=high), judged


def value_forecast(
    bundle: Bundle, learn: Examples, features: np.ndarray, survival: np.ndarray
) -> ValueForecast | None:
    """Return forecasts of accounts that were followed over all months of the CLV, or None.

    `features`: encoded, (n, J). `survival`: (n, K), by models that did not learn from the account; NaN without one.
    """
    settings, revenue = bundle.value, learn.revenue
    assert revenue is not None, "values are judged by revenue labels"
    outlook = bundle.outlook(features, learn.rows)
    certain = outlook.flat.first(settings.months).worth.sum(axis=1)
    judged = _followed(bundle, learn, features, survival)
    if not judged.any():
        return None
    clv = lifetime_value(np.nan_to_num(survival, nan=1.0), bundle.ends, outlook.planned.first(settings.months))
    money = settings.margin * discount_factors(settings, settings.months)
    return ValueForecast(
        months=settings.months,
        forecast=clv[judged],
        realised=(revenue.paid[judged][:, : settings.months] * money).sum(axis=1),
        certain=certain[judged],
        risk=1.0 - survival[judged, bundle.ends.index(bundle.headline)],
        account=learn.accounts[judged],
    )


def _followed(bundle: Bundle, examples: Examples, features: np.ndarray, survival: np.ndarray) -> np.ndarray:
    """Return which snapshots have a forecast and were followed over all months of the CLV, bool, (n,)."""
    months, revenue = bundle.value.months, examples.revenue
    assert revenue is not None, "values are judged by revenue labels"
    certain = bundle.outlook(features, examples.rows).flat.first(months).worth.sum(axis=1)
    return np.asarray(revenue.followed[:, :months].all(axis=1) & ~np.isnan(survival[:, 0]) & (certain > 0))


def judge_value(on: ValueForecast, model: str, resamples: int) -> tuple[ValueResult, ...]:
    """Return the result of the model and of two rules; nothing where fewer than FEW_ACCOUNTS were followed."""
    if len(np.unique(on.account)) < FEW_ACCOUNTS:
        return ()
    mean_share = on.realised.sum() / on.certain.sum()  # of the same accounts: the rule may not be beaten in total
    mine, covered = _result(model, on, on.forecast, resamples), _covered(on)
    rules = {"MRR for every month": on.certain, "MRR at the mean survival": mean_share * on.certain}
    return (
        ValueResult(**(vars(mine) | covered)),
        *(_result(name, on, forecast, resamples) for name, forecast in rules.items()),
    )


def judge_spend_forecasts(on: JudgedSpend, months: int, model: str, resamples: int) -> tuple[ValueResult, ...]:
    """Return the result of spend forecasts beside past spend and the level model; nothing below FEW_ACCOUNTS."""
    as_value = spend_as_value(on, months)
    if len(np.unique(as_value.account)) < FEW_ACCOUNTS or not on.realised.sum() > 0:
        return ()
    inside = _inside(as_value).astype(float)
    forecasts = {model: on.found.spend, "spend of as many days before": on.past, "level model": on.found.level}
    found = []
    for name, forecast in forecasts.items():
        error = float(np.abs(forecast - on.realised).mean() / on.realised.mean())
        found.append(replace(_result(name, as_value, forecast, resamples), error=error))
    if np.isnan(on.found.low).all():
        return tuple(found)
    covered = replace(
        found[0],
        coverage=float(inside.mean()),
        coverage_by_value=_per_tenth(inside, as_value.forecast),
        coverage_by_risk=_per_tenth(inside, as_value.risk),
    )
    return (covered, *found[1:])


def spend_as_value(on: JudgedSpend, months: int) -> ValueForecast:
    """Return spend forecasts in the form in which values are judged; errors are stated per mean spend."""
    spread, account = np.full(len(on.realised), on.realised.mean()), np.unique(on.customer, return_inverse=True)[1]
    found = on.found
    return ValueForecast(months, found.spend, on.realised, spread, 1.0 - found.alive, account, found.low, found.high)


def _result(model: str, on: ValueForecast, forecast: np.ndarray, resamples: int) -> ValueResult:
    _, account = np.unique(on.account, return_inverse=True)
    weights = account_weights(account, resamples)
    drawn = (weights @ forecast) / (weights @ on.realised)
    low, high = np.quantile(drawn, [0.025, 0.975])
    total = Estimate(float(forecast.sum() / on.realised.sum()), float(low), float(high))
    groups = _tenths(forecast)
    tenths = tuple(float(forecast[rows].sum() / max(on.realised[rows].sum(), 1e-12)) for rows in groups)
    error = np.sqrt(np.mean(((forecast - on.realised) / on.certain) ** 2))
    return ValueResult(model, on.months, len(forecast), int(account.max()) + 1, total, tenths, float(error))


def _covered(on: ValueForecast) -> dict[str, Any]:
    """Return the fields of coverage, of those with an interval; none where no interval could be learned."""
    served = np.ones(len(on.forecast), dtype=bool) if on.low is None else ~np.isnan(on.low)
    if not served.any():
        return {}
    inside = _inside(on)[served].astype(float)
    return {
        "coverage": float(inside.mean()),
        "coverage_by_value": _per_tenth(inside, on.forecast[served]),
        "coverage_by_risk": _per_tenth(inside, on.risk[served]),
    }


def _inside(on: ValueForecast) -> np.ndarray:
    """Return whether each realised value lies in the interval served, or in one learned from the other accounts."""
    if on.low is not None and on.high is not None:
        return np.asarray((on.low <= on.realised) & (on.realised <= on.high))
    _, owner = np.unique(on.account, return_inverse=True)
    half = np.random.default_rng(0).permutation(owner.max() + 1)[owner] % 2
    share, realised = on.forecast / on.certain, on.realised / on.certain
    inside, size = np.zeros(len(share), dtype=bool), on.certain
    for number in range(2):
        learn, judge = half != number, half == number
        learned = fit_intervals(share[learn], realised[learn], size[learn], owner[learn])
        low, high = learned.around(share[judge], size[judge])
        inside[judge] = (low <= realised[judge]) & (realised[judge] <= high)
    return inside


def _tenths(by: np.ndarray) -> list[np.ndarray]:
    return np.array_split(np.argsort(by, kind="stable"), TENTHS)


def _per_tenth(values: np.ndarray, by: np.ndarray) -> tuple[float, ...]:
    return tuple(float(values[rows].mean()) for rows in _tenths(by))
