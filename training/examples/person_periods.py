"""Person-period rows: each snapshot once per future period, with covariates already fixed at as_of.

The grid is coarse on purpose (0-30-60-90-180-360 days): a fine one drowns the short horizons in
late rows. Covariates of a period are facts already fixed at as_of: the tenure at its start,
whether a renewal, the expiry of the payment card or an announced list price falls inside. They are computed from
feature rows alone, so that a row sent to the API gets the same score as one of the published list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import Family

DAYS_A_MONTH = 365.25 / 12

COVARIATES: tuple[tuple[str, Family, str], ...] = (
    ("period", "contract", "Which period of the future"),
    ("period_tenure_days", "contract", "Days with us when the period starts"),
    ("period_renewals", "contract", "Renewals that fall in the period"),
    ("period_days_to_renewal", "contract", "Days from the start of the period to the next renewal"),
    ("period_card_expires", "billing", "Whether the card on file expires before the period ends (1) or not (0)"),
    ("period_in_dunning", "billing", "Whether the payment attempt before the period failed (1) or not (0)"),
    ("period_dunning_days", "billing", "Days since that failed attempt, before the first period only"),
    ("period_list_price_rise", "billing", "Rise of the list price that takes effect in the period"),
)
# columns that covariates are computed from where the feature rows have them
KNOWN_OF_BILLING = (
    "days_to_card_expiry",
    "card_expired",
    "in_dunning",
    "days_since_failed_payment",
    "days_to_list_price_step",
    "list_price_step_ahead",
)


@dataclass(frozen=True)
class KnownAhead:
    """Facts about the future that are already fixed at as_of; float, shape (n,), NaN where unknown.

    `tenure_days`, `days_to_renewal`, `term_months`: of the account at as_of.
    `days_to_card_expiry`: 0 or more, until the last valid card on file expires. `card_expired`: 1 where every card on
    file has expired, else 0. `in_dunning`: 1 where the last payment attempt failed, else 0.
    `days_since_failed_payment`: since the last attempt that failed. `days_to_list_price_step`: to the next announced
    change of a list price. `list_price_step_ahead`: the largest announced rise, 0.1 for 10 %; 0 where the rows have
    the column and no change is announced.
    """

    tenure_days: np.ndarray
    days_to_renewal: np.ndarray
    term_months: np.ndarray
    days_to_card_expiry: np.ndarray
    card_expired: np.ndarray
    in_dunning: np.ndarray
    days_since_failed_payment: np.ndarray
    days_to_list_price_step: np.ndarray
    list_price_step_ahead: np.ndarray


def known_ahead(rows: pa.Table) -> KnownAhead:
    """Return the facts about the future that feature rows hold, as far as they have their columns."""
    of_billing = {name: numbers(rows, name) for name in KNOWN_OF_BILLING}
    if has_column(rows, "list_price_step_ahead"):  # null: no change is announced
        of_billing["list_price_step_ahead"] = np.nan_to_num(of_billing["list_price_step_ahead"])
    return KnownAhead(
        tenure_days=numbers(rows, "tenure_days"),
        days_to_renewal=numbers(rows, "days_to_renewal"),
        term_months=numbers(rows, "term_months"),
        **of_billing,
    )


def numbers(rows: pa.Table, name: str) -> np.ndarray:
    """Return a numeric column as float, shape (n,); NaN where it is null, or where rows lack the column."""
    if not has_column(rows, name):
        return np.full(rows.num_rows, np.nan)
    return np.asarray(rows[name].cast(pa.float64()).to_numpy(), dtype=np.float64)


def has_column(rows: pa.Table, name: str) -> bool:
    """Return whether a table has a column; a list of all names would cost more than reading it, for few rows."""
    return rows.schema.get_field_index(name) >= 0


def starts(ends: tuple[int, ...]) -> tuple[int, ...]:
    """Return the first day of each period, given the day each ends."""
    return (0, *ends[:-1])


def covariates(known: KnownAhead, ends: tuple[int, ...]) -> np.ndarray:
    """Return the covariates of each period, float, shape (n, len(ends), len(COVARIATES))."""
    n = len(known.tenure_days)
    values = np.empty((n, len(ends), len(COVARIATES)))
    for k, (start, end) in enumerate(zip(starts(ends), ends, strict=True)):
        values[:, k, 0] = k
        values[:, k, 1] = known.tenure_days + start
        values[:, k, 2] = _renewals_before(known, end) - _renewals_before(known, start)
        values[:, k, 3] = _days_to_next(known, start)
        values[:, k, 4] = _card_expires_before(known, end)
        values[:, k, 5:7] = _dunning(known, is_first=k == 0)
        values[:, k, 7] = _list_price_rise(known, start, end)
    return values


@dataclass(frozen=True)
class PeriodInputs:
    """What a hazard model reads of n snapshots: their features, and the covariates of each of K periods.

    `features`: (n, J). `covariates`: (n, K, M). `day`: (n,), of as_of, days since 1970. `ends`: days, (K,).
    Columns are numbered through: the features first, then the covariates.
    """

    features: np.ndarray
    covariates: np.ndarray
    day: np.ndarray
    ends: tuple[int, ...]

    def matrix(self, columns: tuple[int, ...]) -> np.ndarray:
        """Return these columns as person-period rows, shape (n * K, len(columns)), snapshot by snapshot."""
        n, periods, _ = self.covariates.shape
        width = self.features.shape[1]
        values = np.empty((n, periods, len(columns)))
        for place, column in enumerate(columns):
            values[:, :, place] = (
                self.features[:, [column]] if column < width else self.covariates[:, :, column - width]
            )
        return values.reshape(n * periods, len(columns))

    def first(self, periods: int) -> PeriodInputs:
        """Return the inputs of the first periods only."""
        return PeriodInputs(self.features, self.covariates[:, :periods], self.day, self.ends[:periods])

    def take(self, rows: np.ndarray) -> PeriodInputs:
        """Return the inputs of these snapshots, given as numbers or a mask."""
        return PeriodInputs(self.features[rows], self.covariates[rows], self.day[rows], self.ends)


def period_inputs(features: np.ndarray, rows: pa.Table, ends: tuple[int, ...]) -> PeriodInputs:
    """Return the inputs of a hazard model; `features`: the encoded columns of `rows`, shape (n, J)."""
    day = rows["as_of"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[D]").astype(np.float64)
    return PeriodInputs(features, covariates(known_ahead(rows), ends), day, ends)


def entered(followed_days: np.ndarray, left_days: np.ndarray, ends: tuple[int, ...]) -> np.ndarray:
    """Return which periods each snapshot began as a customer and was followed through, bool, shape (n, K).

    A period enters only if its END was observed, whether the account left in it or not, and if
    the account was still there when it began (`left_days`: of any end, churn or neutral). Dropping
    only the survivors of the last, half-observed period would inflate P(90) by 1.8.

    >>> entered(np.array([100.0]), np.array([np.nan]), (30, 60, 90, 180)).tolist()  # 100 days followed, still there
    [[True, True, True, False]]
    >>> entered(np.array([100.0]), np.array([40.0]), (30, 60, 90, 180)).tolist()  # left on day 40
    [[True, True, False, False]]
    """
    observed = followed_days[:, None] >= np.array(ends)[None, :]
    there = ~(left_days[:, None] < np.array(starts(ends))[None, :])
    return observed & there


def churned_in(churn_days: np.ndarray, ends: tuple[int, ...]) -> np.ndarray:
    """Return whether churn fell in `[start, end)` of each period, bool, shape (n, K)."""
    days = churn_days[:, None]
    return (days >= np.array(starts(ends))[None, :]) & (days < np.array(ends)[None, :])


def _renewals_before(known: KnownAhead, day: int) -> np.ndarray:
    """Renewals in `[as_of, as_of + day)`; NaN where no renewal date is known."""
    first = known.days_to_renewal
    term = known.term_months * DAYS_A_MONTH
    more = np.where(term > 0, np.ceil((day - first) / np.where(term > 0, term, 1.0)), 1.0)
    return np.where(np.isnan(first), np.nan, np.where(day > first, more, 0.0))


def _days_to_next(known: KnownAhead, start: int) -> np.ndarray:
    first = known.days_to_renewal
    term = known.term_months * DAYS_A_MONTH
    passed = np.where(term > 0, np.mod(first - start, np.where(term > 0, term, 1.0)), np.nan)
    return np.where(first >= start, first - start, passed)


def _card_expires_before(known: KnownAhead, end: int) -> np.ndarray:
    """Return 1 where every dated card on file has expired by as_of, or the last one does before day `end`; else 0.

    NaN where no card on file has a date, or a card without one is taken for valid.
    """
    ahead = np.where(known.days_to_card_expiry < end, 1.0, 0.0)
    ahead = np.where(np.isnan(known.days_to_card_expiry), np.nan, ahead)
    return np.where(known.card_expired == 1, 1.0, ahead)


def _dunning(known: KnownAhead, is_first: bool) -> np.ndarray:
    """Return whether a period begins in dunning, and the days since the last failed attempt then; shape (n, 2).

    What comes of the attempts that follow as_of is not known: later periods do not begin in dunning. NaN where there
    was no attempt, and for the days where there is no dunning.
    """
    in_dunning = known.in_dunning if is_first else 0.0 * known.in_dunning
    days = np.where(in_dunning == 1, known.days_since_failed_payment, np.nan)
    return np.column_stack([in_dunning, days])


def _list_price_rise(known: KnownAhead, start: int, end: int) -> np.ndarray:
    """Return the rise of the list price that takes effect in `[start, end)`, 0 without one; NaN without list prices."""
    day, rise = known.days_to_list_price_step, known.list_price_step_ahead
    return np.where((day >= start) & (day < end), rise, 0.0 * rise)
