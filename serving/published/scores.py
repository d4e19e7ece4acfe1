"""The published scores: one immutable run in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from undertow.features.errors import ModelRefusal, UndertowError, UnknownAccount, Unreadable
from undertow.serving.formatting import short
from undertow.serving.published.answers import Account, ScoreAnswer, as_accounts, as_scored, finite, scored
from undertow.serving.published.requests import ScoreRequest, check_rows, trimmed
from undertow.serving.published.run_files import (
    AGAIN,
    BUNDLE,
    DRIVERS,
    FEATURES,
    SCORES,
    read_json,
    read_table,
    verified_manifest,
)

if TYPE_CHECKING:
    from undertow.training.bundle.bundle import Bundle

SAME = 1e-6  # largest difference between a published probability and the same row scored live


@dataclass(frozen=True)
class Selection:
    """A filtered part of the at-risk list. `total`, `value_at_risk`: of all that matched; `rows`: this page of it."""

    total: int
    value_at_risk: float
    rows: pa.Table


@dataclass(frozen=True)
class PublishedScores:
    """One published scoring run. `table`: one row per account, ordered by value at risk, highest first."""

    folder: Path
    manifest: dict[str, Any]
    drivers: dict[str, Any]
    table: pa.Table
    position: dict[str, int]

    @classmethod
    def open(cls, folder: Path) -> PublishedScores:
        """Verify a run's folder and read it into memory; its model is read on first use.

        Raises Unreadable where the run is not as it was written.
        """
        try:
            manifest = verified_manifest(folder)
            drivers, table = finite(read_json(folder, DRIVERS)), read_table(folder, SCORES)
            position = {account_id: row for row, account_id in enumerate(table["account_id"].to_pylist())}
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise Unreadable(f"It cannot be read ({type(error).__name__}). {AGAIN}") from error
        return cls(folder, manifest, drivers, table, position)

    def prove(self) -> None:
        """Answer one account and score its features. Raises Unreadable where that fails, or gives another score."""
        try:
            row = finite(read_table(self.folder, FEATURES).slice(0, 1).to_pylist()[0])
            published = self.account(row["account_id"])
            sent = {name: value for name, value in row.items() if name != "as_of"}
            live = self.score(ScoreRequest(rows=[sent])).results[0]
        except Unreadable:
            raise
        except (UndertowError, OSError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
            raise Unreadable(f"Its first account cannot be scored ({type(error).__name__}). {AGAIN}") from error
        horizon = str(self.manifest["headline"])
        if abs((live.probability[horizon] or 0.0) - (published.probability[horizon] or 0.0)) > SAME:
            raise Unreadable(f"Its model gives its first account another score than was published. {AGAIN}")

    @cached_property
    def bundle(self) -> Bundle:
        """The model of these scores; imported on first use, since LightGBM imports slowly and lists do not need it.

        Raises Unreadable where it is missing, or was written by another release.
        """
        from undertow.training.bundle.bundle import Bundle

        try:
            return Bundle.load(self.folder / BUNDLE)
        except (ModelRefusal, OSError, ValueError, LookupError, TypeError) as error:
            why = "is of another release" if isinstance(error, ModelRefusal) else "cannot be read"
            raise Unreadable(f"Its model {why}. {AGAIN}") from error

    @cached_property
    def total_value_at_risk(self) -> float:
        """The value at risk of all accounts, money over the published months."""
        return _sum(self.table["value_at_risk"])

    def filter(
        self,
        limit: int = 50,
        offset: int = 0,
        segment: str | None = None,
        owner: str | None = None,
        cause: str | None = None,
        min_value: float | None = None,
    ) -> Selection:
        """Return accounts that match, highest value at risk first; `min_value`: the least value at risk."""
        selected = self.table
        for column, wanted in (("segment", segment), ("owner", owner), ("cause", cause)):
            if wanted is not None:
                selected = selected.filter(pc.equal(selected[column], wanted))
        if min_value is not None:
            selected = selected.filter(pc.greater_equal(selected["value_at_risk"], min_value))
        return Selection(selected.num_rows, _sum(selected["value_at_risk"]), selected.slice(offset, limit))

    def account(self, account_id: str) -> Account:
        """Return one account, or raise UnknownAccount."""
        position = self.position.get(trimmed(account_id))
        if position is None:
            raise self._unknown(account_id)
        return as_accounts(self.table.slice(position, 1), self.manifest)[0]

    def choices(self, column: str) -> list[str]:
        """Return the texts that occur in a column, sorted."""
        return sorted(text for text in pc.unique(self.table[column]).to_pylist() if text is not None)

    def score(self, request: ScoreRequest) -> ScoreAnswer:
        """Return the published scores of account ids, or score feature rows live.

        An unknown id is listed as such beside the results. Raises UnknownAccount where none of the ids is known.
        """
        if request.account_ids is not None:
            return self._of_accounts([trimmed(account_id) for account_id in request.account_ids])
        sent, as_of = request.rows or [], request.as_of or self._day()
        scores = self.bundle.score(self._table(sent, as_of))
        names = [None if row.get("account_id") is None else str(row["account_id"]) for row in sent]
        results = [scored(scores, row, name, self.bundle, self.manifest) for row, name in enumerate(names)]
        return ScoreAnswer(self.manifest["model_version"], as_of, results)

    def _of_accounts(self, account_ids: list[str]) -> ScoreAnswer:
        unknown = list(dict.fromkeys(each for each in account_ids if each not in self.position))
        known = [self.position[each] for each in account_ids if each in self.position]
        if not known:
            raise self._unknown(*unknown)
        accounts = as_accounts(self.table.take(pa.array(known)), self.manifest)
        results = [as_scored(account) for account in accounts]
        return ScoreAnswer(self.manifest["model_version"], self._day(), results, unknown)

    def _table(self, sent: list[dict[str, Any]], as_of: date) -> pa.Table:
        """Return feature rows of a request as the table the model reads, or raise RequestError."""
        texts = [column.name for column in self.bundle.columns if column.is_text]
        numbers = [column.name for column in self.bundle.columns if not column.is_text]
        check_rows(sent, numbers, texts, self.bundle.needed)
        kinds = [(name, pa.float64()) for name in numbers] + [(name, pa.string()) for name in texts]
        columns = {name: pa.array([row.get(name) for row in sent], kind) for name, kind in kinds}
        moment = datetime.combine(as_of, time())
        return pa.table({"as_of": pa.array([moment] * len(sent), pa.timestamp("us")), **columns})

    def _day(self) -> date:
        return datetime.fromisoformat(self.manifest["as_of"]).date()

    def _unknown(self, first: str, *others: str) -> UnknownAccount:
        scored_as_of = f"among those scored as of {self.manifest['as_of']}"
        if others:
            return UnknownAccount(
                f"None of the {1 + len(others):,} account ids is {scored_as_of}; the first is '{short(first)}'."
            )
        return UnknownAccount(f"No account '{short(first)}' {scored_as_of}.")


def _sum(values: pa.ChunkedArray) -> float:
    known = values.filter(pc.is_finite(values))
    return float(pc.sum(known).as_py() or 0.0)
