"""What moved since the list before this one, and why: the model, the contract's clock, and families of data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.errors import Unreadable
from undertow.features.publishing.versions import current
from undertow.features.sources.loaded import Progress
from undertow.serving.jobs.changes import BATCH, change_columns, features_before
from undertow.serving.published.history.files import Publication, keep, publications, read_whole
from undertow.serving.published.run_files import (
    BUNDLE,
    FEATURES,
    MANIFEST,
    SCORES,
    read_json,
    read_table,
    verified_manifest,
)
from undertow.training.bundle.bundle import FILE, Bundle
from undertow.training.bundle.scores import Scores
from undertow.training.examples.encoding import ModelColumn
from undertow.training.examples.person_periods import has_column

NOTICE = "gave notice"  # how the announcement of an account that leaves begins
PARTS = ("model", "clock", *REASON_FAMILIES)  # of what moved; their columns are moved_<part>
NO_FEATURES = "the features of that list are no longer kept"
FIRST = "This is the first list: there is none before it to compare with."


@dataclass(frozen=True)
class Previous:
    """A published list to compare with.

    `table`: account_id, owner, segment, announced, probability (at this list's headline horizon) and value_at_risk.
    `of`: its run_id, as_of, model_version, currency, headline and value_months. `features`: its rows, None where they
    cannot be scored again, and `why_not` says why.
    """

    table: pa.Table
    of: Mapping[str, Any]
    features: pa.Table | None
    why_not: str | None


@dataclass(frozen=True)
class SinceLast:
    """What moved since the list before. `columns`: of the table of scores; `said`: of the manifest; `spared`: a run."""

    columns: dict[str, pa.Array]
    said: dict[str, object] | None
    notes: tuple[str, ...]
    spared: str = ""


@dataclass
class _Gone:
    accounts: int = 0
    with_notice: int = 0
    value_at_risk: float = 0.0


@dataclass
class _Found:
    """The list to compare with, as it is looked for."""

    previous: Previous | None = None
    notes: list[str] = field(default_factory=list)


def since_last(
    store: Path,
    folder: Path,
    bundle: Bundle,
    rows: pa.Table,
    scores: Scores,
    this: Mapping[str, Any],
    days: int,
    progress: Progress | None = None,
) -> SinceLast:
    """Compare the scores of `rows` with those of the list before.

    `store`: the folder of published runs; `folder`: that of the history, to which the list that is published is added
    where it lacks it. `this`: run_id, as_of, currency and value_months of the list that is made. The list before is the
    newest publication of the newest earlier as_of; without one, that of the same as_of.
    """
    found = _Found()
    _adopt(store, folder, days, found)
    day = date.fromisoformat(str(this["as_of"])[:10])
    for publication in candidates(publications(folder), day, str(this["run_id"])):
        found.previous = _read(store, publication, bundle, found)
        if found.previous is not None:
            break
    if found.previous is None:
        return SinceLast(_nothing(rows.num_rows), None, (*found.notes, FIRST))
    return _compared(found.previous, bundle, rows, scores, this, found.notes, progress)


def candidates(found: Sequence[Publication], day: date, run_id: str) -> list[Publication]:
    """Return the lists that one of `day` may be compared with, the best first: of earlier days, then of that day."""
    others = [each for each in sorted(found, reverse=True) if each.run_id != run_id]
    earlier = [each for each in others if each.as_of < day]
    return earlier + [each for each in others if each.as_of == day]


def _adopt(store: Path, folder: Path, days: int, found: _Found) -> None:
    """Add the published list to the history where it is missing: an earlier release's, or of a job that was stopped."""
    run = current(store)
    if run is None or any(each.run_id == run.name for each in publications(folder)):
        return
    try:
        manifest = read_json(run, MANIFEST)
        if manifest.get("run_id") == run.name:
            keep(folder, read_table(run, SCORES), manifest, days)
    except (Unreadable, OSError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
        found.notes.append(f"The list {run.name} cannot be added to the history ({type(error).__name__}).")


def _read(store: Path, publication: Publication, bundle: Bundle, found: _Found) -> Previous | None:
    """Return a list from its run, or, where that is gone or damaged, from the history; None where neither is read."""
    headline, run = bundle.headline, store / publication.run_id
    try:
        manifest = verified_manifest(run)
        table, features = read_table(run, SCORES), read_table(run, FEATURES)
        chance = table[f"p_{headline}"] if has_column(table, f"p_{headline}") else _unknown(table)
        why_not = _why_not(run, bundle, features) or (None if chance.null_count == 0 else _no_horizon(headline))
        return Previous(_chosen(table, chance), manifest, None if why_not else features, why_not)
    except (Unreadable, OSError, LookupError, TypeError, ValueError, pa.ArrowException):
        pass
    try:
        table, of = read_whole(publication)
    except Unreadable as error:
        found.notes.append(str(error))
        return None
    same = of["headline"] == headline
    chance = table["probability"] if same else _unknown(table)
    return Previous(_chosen(table, chance), of, None, NO_FEATURES if same else _no_horizon(headline))


def _no_horizon(headline: int) -> str:
    return f"that list has no probability at {headline} days"


def _unknown(table: pa.Table) -> pa.Array:
    return pa.nulls(table.num_rows, pa.float64())


def _chosen(table: pa.Table, chance: pa.Array | pa.ChunkedArray) -> pa.Table:
    texts = {name: table[name] for name in ("account_id", "owner", "segment", "announced")}
    return pa.table({**texts, "probability": chance, "value_at_risk": table["value_at_risk"].cast(pa.float64())})


def _why_not(run: Path, bundle: Bundle, features: pa.Table) -> str | None:
    """Return why rows of an earlier run cannot be scored by this model, or None where they can.

    They must hold every column that it needs, under the definition that it learned.
    """
    then = {each["name"]: each for each in read_json(run / BUNDLE, FILE)["columns"]}
    for column in bundle.columns:
        if column.name in bundle.needed and (why := _differs(column, then.get(column.name), features)):
            return f"the model reads {column.name}, which {why}"
    return None


def _differs(column: ModelColumn, then: Mapping[str, Any] | None, features: pa.Table) -> str | None:
    if then is None or not has_column(features, column.name):
        return "that list was not scored from"
    is_text = pa.types.is_string(features.schema.field(column.name).type)
    if then["definition_id"] != column.definition_id or is_text != column.is_text:
        return "was defined otherwise then"
    return None


def _compared(
    previous: Previous,
    bundle: Bundle,
    rows: pa.Table,
    scores: Scores,
    this: Mapping[str, Any],
    notes: Sequence[str],
    progress: Progress | None,
) -> SinceLast:
    then = features_before(rows, previous.table)  # the row of the same account
    before = _floats(then["probability"])
    moved = scores.probability[:, bundle.ends.index(bundle.headline)] - before
    parts = split(bundle, rows, before, previous.features, progress)
    meant = {"currency": this["currency"], "value_months": this["value_months"], "headline": bundle.headline}
    comparable = all(previous.of.get(name) == value for name, value in meant.items())
    value = scores.value_at_risk - _floats(then["value_at_risk"]) if comparable else np.full(len(moved), np.nan)
    columns = {
        "previous_probability": pa.array(before, from_pandas=True),
        "moved": pa.array(moved, from_pandas=True),
        **parts,
        "is_new": then["account_id"].is_null().combine_chunks(),
        "value_at_risk_moved": pa.array(value, from_pandas=True),
    }
    gone = gone_by_book(previous.table, rows["account_id"].to_pylist())
    same_day = str(previous.of["as_of"])[:10] == str(this["as_of"])[:10]
    said: dict[str, object] = {
        "run_id": previous.of["run_id"],
        "as_of": str(previous.of["as_of"])[:10],
        "model_version": previous.of["model_version"],
        "accounts": previous.table.num_rows,
        "same_as_of": same_day,
        "why_not": previous.why_not,
        "values_compared": comparable,
        "gone": gone,
    }
    new = int(columns["is_new"].true_count)
    told = _note(said, new, gone)
    return SinceLast(columns, said, (*notes, *told), str(previous.of["run_id"]))


def split(
    bundle: Bundle,
    rows: pa.Table,
    before: np.ndarray,
    features: pa.Table | None,
    progress: Progress | None = None,
) -> dict[str, pa.Array]:
    """Return the columns moved_<part>: why probabilities differ from those published before, at the headline horizon.

    `before`: the published probability of each row's account, (n,), NaN where there is none. `features`: the rows that
    those came from, or None. moved_model is what this model gives those rows, less what was published of them;
    moved_clock and moved_<family> are what changed in the rows, as this model reads them. Together they add up to the
    difference of the two probabilities. Null where the account was not on that list, and everywhere without features.
    """
    then = None if features is None else features_before(rows, features)
    changed = change_columns(bundle, rows, then, progress)
    model = np.full(rows.num_rows, np.nan)
    if then is not None:
        known = np.flatnonzero(then["account_id"].is_valid().to_numpy())
        place = bundle.ends.index(bundle.headline)
        for start in range(0, len(known), BATCH):
            mine = known[start : start + BATCH]
            model[mine] = bundle.probability(then.take(mine))[:, place] - before[mine]
    renamed = {name.replace("changed_", "moved_"): values for name, values in changed.items()}
    found = {"moved_model": pa.array(model, from_pandas=True), **renamed}
    return {f"moved_{part}": found[f"moved_{part}"] for part in PARTS}


def gone_by_book(table: pa.Table, still_there: Iterable[str]) -> list[dict[str, object]]:
    """Return, per owner and segment, the accounts of a list that are no longer on it, and what was at risk of them.

    `with_notice`: of these, how many had given notice by then.
    """
    here, books = set(still_there), defaultdict[tuple[str | None, str | None], _Gone](_Gone)
    for row in table.to_pylist():
        if row["account_id"] not in here:
            book = books[row["owner"], row["segment"]]
            book.accounts += 1
            book.with_notice += (row["announced"] or "").startswith(NOTICE)
            book.value_at_risk += row["value_at_risk"] or 0.0
    return [
        {"owner": owner, "segment": segment, "accounts": book.accounts, "with_notice": book.with_notice,
         "value_at_risk": book.value_at_risk}
        for (owner, segment), book in sorted(books.items(), key=lambda each: (each[0][0] or "", each[0][1] or ""))
    ]  # fmt: skip


def _note(said: Mapping[str, Any], new: int, gone: Sequence[Mapping[str, Any]]) -> list[str]:
    left, noticed = (sum(book[name] for book in gone) for name in ("accounts", "with_notice"))
    of_them = f", of which {noticed:,} had given notice" if left else ""
    same = ", of the same as_of, as there is none of an earlier one" if said["same_as_of"] else ""
    notes = [f"Compared with the list of {said['as_of']} ({said['model_version']}){same}: {new:,} accounts are new, "
             f"{left:,} left{of_them}."]  # fmt: skip
    if said["why_not"]:
        notes.append(f"Why scores moved since then is not known: {said['why_not']}.")
    return notes


def _floats(values: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy(),
                      dtype=np.float64)  # fmt: skip


def _nothing(count: int) -> dict[str, pa.Array]:
    """Return the same columns with nothing known in them."""
    numbers = ("previous_probability", "moved", *(f"moved_{part}" for part in PARTS))
    return {
        **{name: pa.nulls(count, pa.float64()) for name in numbers},
        "is_new": pa.nulls(count, pa.bool_()),
        "value_at_risk_moved": pa.nulls(count, pa.float64()),
    }
