"""The published scores: one immutable run in memory, and a reader that loads the next publication."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from undertow.features.errors import NothingPublished, UnknownAccount
from undertow.features.publishing import POINTER, current
from undertow.serving.formatting import short
from undertow.serving.published.answers import Account, ScoreAnswer, as_accounts, as_scored, finite, scored
from undertow.serving.published.requests import ScoreRequest, check_rows, trimmed

if TYPE_CHECKING:
    from undertow.training.bundle.bundle import Bundle

SCORES = "scores.parquet"
DRIVERS = "drivers.json"
MANIFEST = "manifest.json"
BUNDLE = "bundle"


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
        """Read a run's folder into memory; its features and its model are read on first use."""
        table = pq.ParquetFile(folder / SCORES).read().combine_chunks()  # pq.read_table would import pandas
        position = {account_id: row for row, account_id in enumerate(table["account_id"].to_pylist())}
        return cls(folder, _read_json(folder / MANIFEST), _read_json(folder / DRIVERS), table, position)

    @cached_property
    def bundle(self) -> Bundle:
        """The model of these scores; imported on first use, since LightGBM imports slowly and lists do not need it."""
        from undertow.training.bundle.bundle import Bundle

        return Bundle.load(self.folder / BUNDLE)

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


class ScoresReader:
    """Reader that holds the newest publication and loads the next one when the CURRENT pointer changes."""

    def __init__(self, store: Path) -> None:
        """`store`: the store folder; runs lie in its `scores/`."""
        self._root = store / "scores"
        self._lock = Lock()
        self._seen: tuple[int, int] | None = None
        self._held: PublishedScores | None = None

    def is_fresh(self) -> bool:
        """Whether `latest` would answer from memory, without reading files."""
        return self._seen is not None and self._seen == self._pointer()

    def latest(self) -> PublishedScores:
        """Return the newest publication, or raise NothingPublished before the first."""
        with self._lock:
            pointer = self._pointer()
            if self._held is None or pointer is None or pointer != self._seen:
                self._held = PublishedScores.open(self._published())
                self._seen = pointer
            return self._held

    def _pointer(self) -> tuple[int, int] | None:
        """Return a value that changes with every publication, even one of the same name."""
        try:
            status = (self._root / POINTER).stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _published(self) -> Path:
        folder = current(self._root)
        if folder is None:
            raise NothingPublished("Nothing is published yet. Run `undertow score` in the project.")
        return folder


def _sum(values: pa.ChunkedArray) -> float:
    known = values.filter(pc.is_finite(values))
    return float(pc.sum(known).as_py() or 0.0)


def _read_json(path: Path) -> dict[str, Any]:
    read = finite(json.loads(path.read_text(encoding="utf-8")))
    assert isinstance(read, dict), f"{path} must hold one object"
    return read
