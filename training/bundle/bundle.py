"""The bundle: a trained model as files, LightGBM text models and plain JSON, no pickle.

    bundle/
      bundle.json            columns, categories, grid, baselines, typical values, settings of value
      voluntary-0.txt ...    one LightGBM text model per cause and member of the bag
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import FAMILIES, Column, Family, definition_id
from undertow.features.errors import ModelRefusal, RequestError
from undertow.features.settings import Value
from undertow.training.bundle.attribution import along_path, by_group, first_families, member_contributions
from undertow.training.bundle.notice import NOTICE, causes_with_notice, raised_by_notice
from undertow.training.bundle.scores import Scores
from undertow.training.churn import curves
from undertow.training.churn.cause_model import CauseModel
from undertow.training.examples.announced import announced
from undertow.training.examples.encoding import ModelColumn, encode, unseen
from undertow.training.examples.person_periods import COVARIATES, covariates, known_ahead, with_covariates
from undertow.training.value.planned import leaves_on, planned_mrr
from undertow.training.value.subscription import lifetime_value, value_if_kept

FILE = "bundle.json"
FORMAT = 4


@dataclass(frozen=True)
class Bundle:
    """A trained model with everything that scoring needs."""

    version: str
    trained_until: str  # ISO date up to which outcomes were read
    ends: tuple[int, ...]  # period ends, days; also the horizons
    headline: int  # days; the horizon of contributions
    season: bool  # whether the month of the year is one of the inputs
    columns: tuple[ModelColumn, ...]
    causes: tuple[CauseModel, ...]
    typical: dict[str, dict[str, float]]  # segment ("" for all) -> column -> median in training
    value: Value
    notice_probability: float = 1.0  # of leaving, once all MRR is announced to end

    # --- what is in it ---

    @property
    def horizons(self) -> tuple[int, ...]:
        """Return the horizons served, days."""
        return self.ends

    @property
    def contribution_names(self) -> tuple[str, ...]:
        """Return the J names behind contributions: the columns, the period's covariates, and the notice."""
        return (*(column.name for column in self.columns), *(name for name, _, _ in (*COVARIATES, NOTICE)))

    @property
    def contribution_families(self) -> tuple[Family, ...]:
        """Return the family of each of `contribution_names`."""
        return (*(column.family for column in self.columns), *(family for _, family, _ in (*COVARIATES, NOTICE)))

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

    def typical_value(self, column: str, segment: str | None) -> float | None:
        """Return the median of a column among accounts like this one, in the training data."""
        of_segment = self.typical.get(segment or "", self.typical[""])
        return of_segment.get(column)

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
        """Return the log-odds of leaving, mean over the bag, shape (n, K, C)."""
        matrix = self._period_matrix(rows, self.ends)
        return np.stack([model.log_odds(matrix, len(self.ends)) for model in self.causes], axis=2)

    def probability(self, rows: pa.Table) -> np.ndarray:
        """Return P(churn within each horizon), shape (n, H), without contributions (much faster)."""
        return self._with_notice(1.0 - curves.survival(self.log_odds(rows)), rows)

    def score(self, rows: pa.Table) -> Scores:
        """Score rows that hold `as_of` (timestamp) and every one of `columns`.

        Raises RequestError naming what is missing. Nulls are read as unknown.
        """
        needed = ("as_of", *(column.name for column in self.columns))
        missing = [name for name in needed if name not in rows.column_names]
        if missing:
            raise RequestError(f"Rows lack the columns {', '.join(missing[:5])}; give null where unknown.")
        log_odds = self.log_odds(rows)
        stays = curves.survival(log_odds)
        served = self._with_notice(1.0 - stays, rows)
        clv, kept = self._values(stays, rows)
        at_headline = self.ends.index(self.headline)
        return Scores(
            probability=served,
            by_cause=causes_with_notice(curves.incidence(log_odds), served),
            clv=clv,
            clv_if_kept=kept,
            value_at_risk=kept - clv,
            **self._contributions(rows, 1.0 - stays[:, at_headline], served[:, at_headline]),
        )

    def _with_notice(self, probability: np.ndarray, rows: pa.Table) -> np.ndarray:
        return raised_by_notice(probability, announced(rows), self.notice_probability, self.ends)

    def _values(self, stays: np.ndarray, rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        """Return CLV and the value of an account that stays, shape (n,) each.

        An announced end, downgrade or pause lowers CLV alone, so that value at risk is what it costs; an announced
        upgrade raises both.
        """
        known = announced(rows)
        planned = planned_mrr(known, self.notice_probability, self.value.months)
        clv = lifetime_value(stays, self.ends, planned, self.value, leaves_on(known))
        return clv, value_if_kept(np.maximum(planned, known.mrr[:, None]), self.value)

    def _contributions(self, rows: pa.Table, forecast: np.ndarray, served: np.ndarray) -> dict[str, Any]:
        """Return contributions at the headline horizon, in probability and in log-odds: fields of `Scores`.

        `forecast`, `served`: the probability without and with what a notice adds, shape (n,).
        """
        ends = tuple(end for end in self.ends if end <= self.headline)
        families = self.contribution_families
        baseline = np.array([model.baseline[: len(ends)] for model in self.causes]).T
        members = member_contributions(
            self.causes, self._period_matrix(rows, ends), baseline, self.contribution_names.index("period")
        )
        bag = members.mean(axis=0)
        by_notice, in_log_odds = served - forecast, curves.logit(served) - curves.logit(forecast)
        probability = along_path(baseline, bag, curves.probability, curves.probability_gradient)
        probability = np.column_stack([probability, by_notice])
        log_odds = along_path(baseline, bag, curves.log_odds_of_probability, curves.log_odds_gradient)
        log_odds = np.column_stack([log_odds, in_log_odds])
        start = curves.probability(baseline[None])
        return {
            "baseline_probability": float(start[0]),
            "baseline_log_odds": float(curves.logit(start)[0]),
            "probability_by_feature": probability,
            "probability_by_family": by_group(probability, families, FAMILIES),
            "log_odds_by_family": by_group(log_odds, families, FAMILIES),
            "first_family": first_families(members, baseline, families[:-1], by_notice),
        }

    def _period_matrix(self, rows: pa.Table, ends: tuple[int, ...]) -> np.ndarray:
        return with_covariates(encode(self.columns, rows), covariates(known_ahead(rows), ends, self.season))

    # --- keeping ---

    def save(self, folder: Path) -> None:
        """Write the bundle into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        written = {
            "format": FORMAT,
            "version": self.version,
            "trained_until": self.trained_until,
            "ends": self.ends,
            "headline": self.headline,
            "season": self.season,
            "columns": [asdict(column) for column in self.columns],
            "causes": [model.save(folder) for model in self.causes],
            "typical": self.typical,
            "value": self.value.model_dump(mode="json"),
            "notice_probability": self.notice_probability,
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
            season=read["season"],
            columns=tuple(_read_column(column) for column in read["columns"]),
            causes=tuple(CauseModel.load(folder, cause) for cause in read["causes"]),
            typical=read["typical"],
            value=Value(**read["value"]),
            notice_probability=read["notice_probability"],
        )


def _read_column(read: dict[str, Any]) -> ModelColumn:
    categories = read.pop("categories")
    return ModelColumn(**read, categories=None if categories is None else tuple(categories))
