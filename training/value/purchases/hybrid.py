"""Expected spend of customers without a contract: a level model corrected by boosted trees, with 80 % intervals.

Two LightGBM Tweedie models learn the spend of finished horizons from purchase histories: one starts from the logarithm
of the level forecast (Pareto/NBD times Gamma-Gamma), one from nothing. Customers are ordered by the geometric mean of
both. The total is that of the level model, times how its forecast for the same season a year earlier turned out. The
trees learn to divide a total, not its size: their offsets add up to what was spent.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from undertow.features.errors import ModelRefusal
from undertow.training.value.purchases.features import NAMES, purchase_features
from undertow.training.value.purchases.history import DAYS_PER_WEEK, PurchaseRecord, Summary, summarise
from undertow.training.value.purchases.level import LevelModel, SeasonLevel, fit_level, season_level
from undertow.training.value.purchases.spend_intervals import SpendIntervals, fit_spend_intervals

HORIZONS_NEEDED = 2.0  # of history
CUTOFFS, APART = 6, 28  # days that are learned from, at most, and days between them
LEAST_DAYS = 56  # of history before each
MOST_ROWS = 150_000  # learned from; of more, a random part
FRESH_DAYS = 35  # after its as_of that a model may be used: its season is that of its as_of
ROUNDS = 150
FOLDS = 2
TREES: dict[str, Any] = {
    "objective": "tweedie", "tweedie_variance_power": 1.4, "learning_rate": 0.03, "num_leaves": 15,
    "min_data_in_leaf": 100, "lambda_l2": 10.0, "feature_fraction": 0.5, "bagging_fraction": 0.8, "bagging_freq": 1,
    "verbosity": -1, "deterministic": True, "force_row_wise": True, "seed": 0,
}  # fmt: skip
FORMAT, FILE, OFFSET_FILE, FREE_FILE = 1, "purchases.json", "purchases_offset.txt", "purchases_free.txt"
COLUMNS = (*NAMES, "alive", "expected_purchases_weekly", "expected_spend")


@dataclass(frozen=True)
class SpendForecast:
    """The forecast of m customers for the horizon that begins at `as_of`.

    `ids`: (m,), ascending. `spend`: expected, money, above 0. `low`, `high`: the 80 % interval; NaN where customers
    were too few. `alive`: the probability of buying again some day. `level`: expected spend by the level model alone.
    `if_away`: expected spend of those who buy nothing for the days that were asked about; 0 where none were.
    """

    ids: np.ndarray
    spend: np.ndarray
    low: np.ndarray
    high: np.ndarray
    alive: np.ndarray
    level: np.ndarray
    as_of: np.datetime64
    if_away: np.ndarray


@dataclass(frozen=True)
class PurchaseTrees:
    """The two LightGBM models: `offset` corrects the level forecast, `free` starts from nothing."""

    offset: lgb.Booster
    free: lgb.Booster

    def spend(self, x: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Return spend up to a common factor, (n,); `x`: (n, len(COLUMNS)), `level`: (n,), money."""
        logs = self.offset.predict(x, raw_score=True, num_threads=1) + np.log(level)
        return np.asarray(np.exp((logs + self.free.predict(x, raw_score=True, num_threads=1)) / 2.0))


@dataclass(frozen=True)
class PurchaseModel:
    """The fitted model. `horizon`: days. `scale`: by what the spend of the trees is multiplied to have the right total.

    `cutoffs`: the days whose horizons of `learn_days` were learned from.
    """

    as_of: str
    horizon: int
    learn_days: int
    cutoffs: tuple[str, ...]
    level: LevelModel
    season: SeasonLevel
    scale: float
    intervals: SpendIntervals
    trees: PurchaseTrees

    def predict(self, record: PurchaseRecord, away_days: int = 0) -> SpendForecast:
        """Return the forecast of every customer with a purchase, for the horizon that begins at the end of `record`.

        `away_days`: of the horizon, without a purchase, for which `if_away` is computed.
        Raises ModelRefusal where that is before the model's as_of or more than 35 days after it.
        """
        late = (record.until - np.datetime64(self.as_of)).astype(int)
        if not 0 <= late <= FRESH_DAYS:
            raise ModelRefusal(
                f"The record ends at {record.until}; expected {self.as_of}, for which the model was fitted, or up to "
                f"{FRESH_DAYS} days later. Fit a model at {record.until}."
            )
        known = record.before(record.until)
        of = summarise(known)
        level = self.level.expected(of, self.horizon) * self.season.factor
        spend = self.scale * self.trees.spend(_columns(purchase_features(known, of), of, self.level), level)
        low, high = self.intervals.around(spend)
        alive, away = self.level.purchases.alive(of), spend * self._share_if_away(of, away_days)
        return SpendForecast(known.ids, spend, low, high, alive, level, record.until, away)

    def _share_if_away(self, of: Summary, days: int) -> np.ndarray:
        """Return the spend expected of customers away for so many days, over that expected of them now, (m,), 0 to 1.

        By the level model, which then knows of as many more days without a purchase.
        """
        if not 0 < days < self.horizon:
            return np.zeros(len(of.age))
        later = replace(of, age=of.age + days / DAYS_PER_WEEK)
        left = self.level.expected(later, self.horizon - days) / self.level.expected(of, self.horizon)
        return np.asarray(np.minimum(left, 1.0))

    def save(self, folder: Path) -> None:
        """Write the model into `folder`: one JSON file and two LightGBM texts."""
        self.trees.offset.save_model(folder / OFFSET_FILE)
        self.trees.free.save_model(folder / FREE_FILE)
        plain = {name: getattr(self, name) for name in ("as_of", "horizon", "learn_days", "cutoffs", "scale")}
        learned = {"level": self.level.as_json(), "season": asdict(self.season), "intervals": asdict(self.intervals)}
        text = json.dumps({"format": FORMAT, "columns": COLUMNS, **plain, **learned}, indent=1)
        (folder / FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> PurchaseModel:
        """Read it back; raises ModelRefusal where another release wrote it with other columns."""
        read = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if read["format"] != FORMAT or tuple(read["columns"]) != COLUMNS:
            raise ModelRefusal(
                f"The model in {folder} is of format {read['format']} or reads other columns, this release reads "
                f"{FORMAT}: fit it again."
            )
        intervals = SpendIntervals(
            tuple(read["intervals"]["forecast"]), tuple(tuple(each) for each in read["intervals"]["ratio"])
        )
        return cls(
            as_of=read["as_of"],
            horizon=read["horizon"],
            learn_days=read["learn_days"],
            cutoffs=tuple(read["cutoffs"]),
            level=LevelModel.from_json(read["level"]),
            season=SeasonLevel(**read["season"]),
            scale=read["scale"],
            intervals=intervals,
            trees=PurchaseTrees(*(lgb.Booster(model_file=folder / name) for name in (OFFSET_FILE, FREE_FILE))),
        )


@dataclass(frozen=True)
class FinishedHorizons:
    """Customers of finished horizons: `x`, (n, len(COLUMNS)); `spend`, (n,), money, what they spent.

    `level`: (n,), the level forecast, scaled per cut-off to add up to the spend. `customer`: (n,), their ids.
    """

    x: np.ndarray
    spend: np.ndarray
    level: np.ndarray
    customer: np.ndarray

    def take(self, rows: np.ndarray) -> FinishedHorizons:
        """Return these rows only, given as numbers or a mask."""
        return FinishedHorizons(self.x[rows], self.spend[rows], self.level[rows], self.customer[rows])


def fit_purchases(record: PurchaseRecord, horizon: int, threads: int = 1, allow_short: bool = False) -> PurchaseModel:
    """Fit a model of the spend in the `horizon` days after the end of `record`.

    Raises ModelRefusal under two horizons of history. With `allow_short` such a record is learned from all the same, on
    horizons of half its length, which the level model extends; such a forecast was never tested over its horizon.
    """
    learn_days = _days_to_learn(record, horizon, allow_short)
    days = cutoffs(record, learn_days)
    learn = _sampled(finished_horizons(record, days, learn_days))
    trees = fit_trees(learn, threads)
    known = record.before(record.until)
    of = summarise(known)
    level, season = fit_level(of), season_level(record, horizon, learn_days)
    expected = level.expected(of, horizon) * season.factor
    raw = trees.spend(_columns(purchase_features(known, of), of, level), expected)
    return PurchaseModel(
        as_of=str(record.until),
        horizon=horizon,
        learn_days=learn_days,
        cutoffs=tuple(str(day) for day in days),
        level=level,
        season=season,
        scale=float(expected.sum() / raw.sum()),
        intervals=_learn_intervals(learn, threads),
        trees=trees,
    )


def cutoffs(record: PurchaseRecord, learn_days: int) -> list[np.datetime64]:
    """Return the days to learn from, newest first: their horizons are over, and history lies before them."""
    newest, oldest = record.until - learn_days, record.since + max(LEAST_DAYS, learn_days // 2)
    every = [newest - APART * number for number in range(CUTOFFS)]
    return [day for day in every if day >= oldest] or [newest]


def finished_horizons(record: PurchaseRecord, days: list[np.datetime64], learn_days: int) -> FinishedHorizons:
    """Return what was known of each customer at each of `days`, and what was spent in the `learn_days` from there."""
    parts = [_finished(record, day, learn_days) for day in days]
    columns = zip(*((each.x, each.spend, each.level, each.customer) for each in parts), strict=True)
    return FinishedHorizons(*(np.concatenate(column) for column in columns))


def fit_trees(learn: FinishedHorizons, threads: int) -> PurchaseTrees:
    """Fit both LightGBM models."""
    settings = TREES | {"num_threads": threads}
    offset, free = (
        lgb.train(settings, lgb.Dataset(learn.x, learn.spend, init_score=start), ROUNDS)
        for start in (np.log(learn.level), None)
    )
    return PurchaseTrees(offset, free)


def _days_to_learn(record: PurchaseRecord, horizon: int, allow_short: bool) -> int:
    days = int((record.until - record.since).astype(int))
    if horizon < 1:
        raise ModelRefusal(f"The horizon is {horizon} days; expected at least 1.")
    if days >= HORIZONS_NEEDED * horizon:
        return horizon
    if allow_short and days // 2 >= LEAST_DAYS:
        return days // 2
    raise ModelRefusal(
        f"The purchases cover {days} days ({record.since} to {record.until}), and a value over {horizon} days needs "
        f"two horizons of history, {int(HORIZONS_NEEDED * horizon)} days. Add older purchases, or ask for a horizon of "
        f"at most {days // 2} days."
    )


def _finished(record: PurchaseRecord, day: np.datetime64, learn_days: int) -> FinishedHorizons:
    known = record.before(day)
    of = summarise(known)
    model = fit_level(of)
    spend = record.spent(known.ids, day, day + learn_days)
    if not spend.sum() > 0:
        raise ModelRefusal(f"Nobody known on {day} bought in the {learn_days} days from there. Check the record.")
    level = model.expected(of, learn_days)
    x = _columns(purchase_features(known, of), of, model)
    return FinishedHorizons(x, spend, level * spend.sum() / level.sum(), known.ids)


def _columns(features: np.ndarray, of: Summary, model: LevelModel) -> np.ndarray:
    """Return what the trees read, (m, len(COLUMNS)): features and what the level model expects."""
    alive, weekly = model.purchases.alive(of), model.purchases.expected_purchases(of, 1.0)
    return np.column_stack([features, alive, weekly, model.spend.expected_spend(of)])


def _sampled(learn: FinishedHorizons) -> FinishedHorizons:
    if len(learn.spend) <= MOST_ROWS:
        return learn
    return learn.take(np.sort(np.random.default_rng(0).permutation(len(learn.spend))[:MOST_ROWS]))


def _learn_intervals(learn: FinishedHorizons, threads: int) -> SpendIntervals:
    """Learn intervals from forecasts of trees that learned from other customers."""
    ids, owner = np.unique(learn.customer, return_inverse=True)
    fold = (np.random.default_rng(0).permutation(len(ids)) % FOLDS)[owner]
    forecast = np.zeros(len(learn.spend))
    for number in range(FOLDS):
        trees, judge = fit_trees(learn.take(fold != number), threads), fold == number
        raw = trees.spend(learn.x[judge], learn.level[judge])
        forecast[judge] = raw * learn.spend[judge].sum() / raw.sum()
    return fit_spend_intervals(forecast, learn.spend)
