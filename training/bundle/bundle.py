"""The bundle: a trained model as files, LightGBM text models and plain JSON, no pickle.

    bundle/
      bundle.json                     columns, categories, grid, regressions, like accounts, settings of value
      voluntary-position-0.txt ...    one LightGBM text model per cause, stage and member
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import REASON_FAMILIES, Column, Family, definition_id
from undertow.features.errors import ModelRefusal, RequestError
from undertow.features.settings import Value
from undertow.training.bundle.attribution import along_path, by_group, contributions_of, used_columns
from undertow.training.bundle.like import LikeAccounts
from undertow.training.bundle.notice import NOTICE, causes_with_notice, raised_by_notice
from undertow.training.bundle.scores import CLV_HORIZONS, Change, Scores, unexplained
from undertow.training.bundle.stability import Stability
from undertow.training.churn import curves
from undertow.training.churn.cause_model import CauseModel
from undertow.training.examples.announced import announced
from undertow.training.examples.encoding import ALWAYS, ModelColumn, encode, unseen
from undertow.training.examples.person_periods import COVARIATES, PeriodInputs, has_column, numbers, period_inputs
from undertow.training.value.forecast import Outlook, outlook
from undertow.training.value.growth import Growth
from undertow.training.value.intervals import ValueIntervals
from undertow.training.value.lost import LostValue, lost_value
from undertow.training.value.purchases.hybrid import PurchaseModel
from undertow.training.value.spend import LostSpend, spend_outlook

FILE = "bundle.json"
NOT_MEASURED = Stability()
NO_GROWTH = Growth()
NO_INTERVALS = ValueIntervals()
FORMAT = 9


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything that scoring needs."""

    version: str
    trained_until: str  # ISO date up to which outcomes were read
    ends: tuple[int, ...]  # period ends, days; also the horizons
    headline: int  # days; the horizon of contributions
    columns: tuple[ModelColumn, ...]  # those that feed the model, and those that are evidence
    causes: tuple[CauseModel, ...]
    like: LikeAccounts
    value: Value
    notice_probability: float = 1.0  # of leaving, once all MRR is announced to end
    stability: Stability = NOT_MEASURED  # of the first family of reasons
    growth: Growth = NO_GROWTH  # of MRR, while an account stays
    intervals: ValueIntervals = NO_INTERVALS  # of the realised value
    kind: Literal["subscription", "inactivity"] = "subscription"  # how customers leave
    purchases: PurchaseModel | None = None  # of expected spend, where nobody subscribes

    # --- what is in it ---

    @property
    def horizons(self) -> tuple[int, ...]:
        """Return the horizons served, days."""
        return self.ends

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """Return the columns that rows must hold to be scored; the others are evidence for people to read."""
        read = {number for model in self.causes for number in model.columns}
        return tuple(
            column.name for number, column in enumerate(self.columns) if number in read or column.name in ALWAYS
        )

    @cached_property
    def names_of_numbers(self) -> tuple[str, ...]:
        """Return the names of the columns that hold numbers."""
        return tuple(column.name for column in self.columns if not column.is_text)

    @cached_property
    def names_of_texts(self) -> tuple[str, ...]:
        """Return the names of the columns that hold texts."""
        return tuple(column.name for column in self.columns if column.is_text)

    @cached_property
    def used(self) -> tuple[int, ...]:
        """Return the numbers of the U columns and covariates that can be part of a reason."""
        families = [*(column.family for column in self.columns), *(family for _, family, _ in COVARIATES)]
        return used_columns(self.causes, families)

    @cached_property
    def contribution_names(self) -> tuple[str, ...]:
        """Return the names behind contributions: the used columns and covariates, and the notice."""
        names = [*(column.name for column in self.columns), *(name for name, _, _ in COVARIATES)]
        return (*(names[number] for number in self.used), NOTICE[0])

    @cached_property
    def contribution_families(self) -> tuple[Family, ...]:
        """Return the family of each of `contribution_names`."""
        families = [*(column.family for column in self.columns), *(family for _, family, _ in COVARIATES)]
        return (*(families[number] for number in self.used), NOTICE[1])

    @property
    def is_of_examples(self) -> bool:
        """Return whether it was trained on a file of feature rows rather than on tables."""
        return bool(self.columns) and all(each.is_given for each in self.columns)

    def changed(self, columns: Iterable[Column]) -> list[str]:
        """Return the feature cards that were removed or redefined since the model was trained."""
        today = {column.name: definition_id(column.feature) for column in columns}
        strange = [column.card for column in self.columns if today.get(column.name) != column.definition_id]
        return list(dict.fromkeys(strange))

    def refuse_other_features(self, columns: Iterable[Column]) -> None:
        """Raise ModelRefusal where a feature was removed or redefined since the model was trained."""
        changed = self.changed(columns)
        if changed:
            raise ModelRefusal(
                f"The champion was trained on features that were removed or redefined since: {', '.join(changed[:5])}. "
                "Bring their source back, or run `undertow train`."
            )

    def typical_values(self, rows: pa.Table) -> list[dict[str, float]]:
        """Return, per row, column -> its median among accounts in the same contract position, in the training data."""
        return [self.like.medians[group] for group in self.contract_positions(rows)]

    def contract_positions(self, rows: pa.Table) -> np.ndarray:
        """Return the group of accounts in the same contract position of each row, whole numbers from 0, (n,)."""
        return self.like.groups_of(self._inputs(rows))

    def unseen(self, rows: pa.Table) -> dict[str, int]:
        """Return text column -> number of rows whose value does not occur in training."""
        return unseen(self.columns, rows)

    def top_features(self, scores: Scores, row: int, most: int = 5) -> list[tuple[str, Family, float]]:
        """Return (name, family, probability points) of the contributions that move a score most."""
        shares = scores.probability_by_feature[row].tolist()
        named = zip(self.contribution_names, self.contribution_families, shares, strict=True)
        return sorted(named, key=lambda each: -abs(each[2]))[:most]

    # --- scoring ---

    def log_odds(self, rows: pa.Table) -> np.ndarray:
        """Return the log-odds of leaving, shape (n, K, C)."""
        return self._log_odds(self._inputs(rows))

    def probability(self, rows: pa.Table) -> np.ndarray:
        """Return P(churn within each horizon), shape (n, H), without contributions (faster)."""
        return self._with_notice(self.curve.by_horizon(self.log_odds(rows)), rows)

    def score(self, rows: pa.Table, explain: bool = True) -> Scores:
        """Score rows that hold `as_of` (timestamp) and every one of `needed`.

        `explain`: else everything about accounts in the same contract position and about families is NaN, which takes a
        fraction of the time. Nulls are read as unknown. Values are unknown where the MRR is, if it was trained on a
        file of feature rows; else an unknown MRR is none. Raises RequestError naming what is missing.
        """
        missing = [name for name in ("as_of", *self.needed) if not has_column(rows, name)]
        if missing:
            raise RequestError(f"Rows lack the columns {', '.join(missing[:5])}; give null where unknown.")
        inputs = self._inputs(rows)
        log_odds = self._log_odds(inputs)
        served = self._with_notice(self.curve.by_horizon(log_odds), rows)
        headline = served[:, self._periods - 1]
        values, lost = self._values(inputs, rows, log_odds, headline)
        by_cause = self.curve.by_cause(log_odds)
        if explain:
            until = self._periods
            at_risk = values["value_at_risk"]
            reasons = self._reasons(inputs.first(until), log_odds[:, :until], headline, lost, at_risk)
        else:
            reasons = unexplained(len(served), len(self.contribution_names))
        scores = Scores(
            probability=served,
            by_cause=by_cause if self.kind == "inactivity" else causes_with_notice(by_cause, served),
            **values,
            **reasons,
        )
        return scores.without_values(np.isnan(numbers(rows, "mrr"))) if self.is_of_examples else scores

    @property
    def curve(self) -> curves.Curve:
        """Return how log-odds become the probability of having left."""
        return curves.curve_of(self.kind)

    def _values(
        self, inputs: PeriodInputs, rows: pa.Table, log_odds: np.ndarray, headline: np.ndarray
    ) -> tuple[dict[str, np.ndarray], LostValue | LostSpend]:
        """Return the values that Scores holds, and the value lost as a function of the log-odds up to the headline."""
        if self.kind == "inactivity":
            spend, months = spend_outlook(rows, self.value), str(self.value.months)
            place = CLV_HORIZONS.index(months) if months in CLV_HORIZONS else None
            return spend.values(headline, place, len(CLV_HORIZONS)), LostSpend(spend.lost)
        stays, ahead = curves.survival(log_odds), self.outlook(inputs.features, rows)
        lost = lost_value(stays, self.ends, ahead.kept.first(self.value.months), self.headline)
        values = ahead.values(stays, self.ends, self.value, self.headline)
        low, high = ahead.interval(values["clv"], self.value, self.intervals)
        return values | {"clv_low": low, "clv_high": high}, lost

    def outlook(self, features: np.ndarray, rows: pa.Table) -> Outlook:
        """Return what accounts are worth in each coming month if they are still customers; `features`: encoded."""
        return outlook(announced(rows), self.notice_probability, self.growth, features, self.value)

    def change(self, rows: pa.Table, before: pa.Table) -> Change:
        """Return why scores changed; `rows` and `before`: the same accounts at an as_of and at an earlier one."""
        now, then = self._inputs(rows).first(self._periods), self._inputs(before).first(self._periods)
        log_odds, earlier = self._log_odds(now), self._log_odds(then)
        moved = self._contributions(now) - self._contributions(then)
        same = log_odds - moved.sum(axis=1)
        shares = along_path(same, moved, self.curve.probability, self.curve.gradient)
        notice = self._by_notice(log_odds, rows) - self._by_notice(earlier, before)
        shares = np.column_stack([shares, notice])
        by_family = by_group(shares, self.contribution_families, REASON_FAMILIES)
        return Change(by_family, shares, self.curve.probability(same) - self.curve.probability(earlier))

    @property
    def _periods(self) -> int:
        """Return how many periods lead up to the headline horizon."""
        return self.ends.index(self.headline) + 1

    def _inputs(self, rows: pa.Table) -> PeriodInputs:
        return period_inputs(encode(self.columns, rows), rows, self.ends)

    def _log_odds(self, inputs: PeriodInputs) -> np.ndarray:
        return np.stack([model.log_odds(inputs) for model in self.causes], axis=2)

    def _contributions(self, inputs: PeriodInputs) -> np.ndarray:
        """Return the contributions of the used columns in log-odds, shape (n, U, K, C)."""
        return contributions_of(self.causes, self.used, inputs)

    def _with_notice(self, probability: np.ndarray, rows: pa.Table) -> np.ndarray:
        return raised_by_notice(probability, announced(rows), self.notice_probability, self.ends)

    def _by_notice(self, log_odds: np.ndarray, rows: pa.Table) -> np.ndarray:
        """Return what a notice adds to the probability at the headline horizon, shape (n,)."""
        forecast = self.curve.by_horizon(log_odds)
        ends = self.ends[: self._periods]
        served = raised_by_notice(forecast, announced(rows), self.notice_probability, ends)
        return np.asarray((served - forecast)[:, -1])

    def _reasons(
        self, inputs: PeriodInputs, log_odds: np.ndarray, served: np.ndarray, lost: LostValue | LostSpend,
        at_risk: np.ndarray,
    ) -> dict[str, Any]:  # fmt: skip
        """Return what the account adds to accounts in its contract position, at the headline horizon: fields of Scores.

        `log_odds`: (n, K, C). `served`: the probability with what a notice adds, shape (n,). `lost`: the value lost as
        a function of the log-odds; `at_risk`: with what is announced, shape (n,).
        """
        curve = self.curve
        moved = self._contributions(inputs) - self.like.means[self.like.groups_of(inputs)]
        like = log_odds - moved.sum(axis=1)
        probability = along_path(like, moved, curve.probability, curve.gradient)
        probability = np.column_stack([probability, served - curve.probability(log_odds)])
        in_money = along_path(like, moved, lost.value, lost.gradient)
        in_money = np.column_stack([in_money, at_risk - lost.value(log_odds)])
        families = self.contribution_families
        return {
            "like_value_at_risk": lost.value(like),
            "value_at_risk_by_family": by_group(in_money, families, REASON_FAMILIES),
            "like_probability": curve.probability(like),
            "probability_by_feature": probability,
            "probability_by_family": by_group(probability, families, REASON_FAMILIES),
        }

    # --- keeping ---

    def save(self, folder: Path) -> None:
        """Write the bundle into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.purchases is not None:
            self.purchases.save(folder)
        written = {
            "format": FORMAT,
            "version": self.version,
            "trained_until": self.trained_until,
            "ends": self.ends,
            "headline": self.headline,
            "columns": [asdict(column) for column in self.columns],
            "causes": [model.save(folder) for model in self.causes],
            "like": self.like.as_json(),
            "value": self.value.model_dump(mode="json"),
            "notice_probability": self.notice_probability,
            "stability": self.stability.as_json(),
            "growth": self.growth.save(folder),
            "intervals": self.intervals.as_json(),
            "kind": self.kind,
            "purchases": self.purchases is not None,
        }
        text = json.dumps(written, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / FILE).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read a bundle back. Raises ModelRefusal where it was written in another format."""
        read = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if read["format"] != FORMAT:
            raise ModelRefusal(
                f"The model in {folder} is of format {read['format']}, this release reads {FORMAT}: train again."
            )
        return cls(
            version=read["version"],
            trained_until=read["trained_until"],
            ends=tuple(read["ends"]),
            headline=read["headline"],
            columns=tuple(_read_column(column) for column in read["columns"]),
            causes=tuple(CauseModel.load(folder, cause) for cause in read["causes"]),
            like=LikeAccounts.from_json(read["like"]),
            value=Value(**read["value"]),
            notice_probability=read["notice_probability"],
            stability=Stability.from_json(read["stability"]),
            growth=Growth.load(folder, read["growth"]),
            intervals=ValueIntervals.from_json(read["intervals"]),
            kind=read["kind"],
            purchases=PurchaseModel.load(folder) if read["purchases"] else None,
        )


def with_content_version(bundle: Bundle) -> Bundle:
    """Return the bundle with a version that is a hash of its content: the same content has the same version."""
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        replace(bundle, version="").save(Path(folder))
        for path in sorted(Path(folder).iterdir()):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return replace(bundle, version=digest.hexdigest()[:8])


def _read_column(read: dict[str, Any]) -> ModelColumn:
    categories = read.pop("categories")
    return ModelColumn(**read, categories=None if categories is None else tuple(categories))
