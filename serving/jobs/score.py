"""The scoring job: score every account at risk, explain each score, and publish the list atomically."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.errors import ModelRefusal, Unreadable
from undertow.features.publishing.versions import current, publish
from undertow.features.settings import Settings
from undertow.features.sources.loaded import Progress, Tables
from undertow.serving.jobs.backtest import newest_backtest
from undertow.serving.jobs.beside_the_list.described import describe_features
from undertow.serving.jobs.beside_the_list.drivers_by_month import drivers_by_month
from undertow.serving.jobs.beside_the_list.journeys_and_personas import journeys_and_personas
from undertow.serving.jobs.changes import CHANGE_DAYS, change_columns, features_before
from undertow.serving.jobs.prepare import Prepared, prepare
from undertow.serving.jobs.ranking import assumptions, ranked, unmet_names
from undertow.serving.jobs.reasons import how_reasons_are_made
from undertow.serving.jobs.scores_table import feature_columns, scores_table
from undertow.serving.jobs.since_last import since_last
from undertow.serving.published.history.files import FOLDER, keep
from undertow.serving.published.run_files import (
    DESCRIBED,
    DRIVERS,
    DRIVERS_BY_MONTH,
    MANIFEST,
    MODEL,
    read_json,
    write_run,
)
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import CLV_HORIZONS, Scores
from undertow.training.drivers.associated import drivers
from undertow.training.registry.tracking import open_registry
from undertow.training.registry.versions import show_version
from undertow.training.value.purchases.fitted import with_expected_spend

BATCH = 2_000  # accounts scored at once, so that progress can be shown


@dataclass(frozen=True)
class ScoreReport:
    """The result of one scoring run.

    `value_at_risk`: the sum over accounts of what leaving within `headline` days would cost over `value_months` months;
    None where no value is known.
    `published`: whether readers see this list; else the list of `published_as_of` (a day), which is newer, stays.
    """

    run_id: str
    folder: Path
    as_of: datetime
    accounts: int
    value_at_risk: float | None
    headline: int
    value_months: int
    currency: str
    model_version: str
    notes: tuple[str, ...]
    published: bool
    published_as_of: str

    def as_json(self) -> dict[str, object]:
        """Return the report as plain JSON values."""
        return asdict(self) | {"folder": str(self.folder), "as_of": f"{self.as_of:%Y-%m-%d}"}


def score(
    settings: Settings,
    now: datetime,
    as_of: datetime | None = None,
    progress: Progress | None = None,
    replace_newer: bool = False,
    examples: Path | None = None,
) -> ScoreReport:
    """Score every account at risk at `as_of` (the end of the rows, unless given) and publish the list.

    The scores are compared with those of 30 days before, where the rows reach back that far, and with the list before.
    Readers see the old list until the new one is complete. Where the published list has a later as_of, the new one is
    written beside it and not published, unless `replace_newer`. `examples`: a file of feature rows, scored instead of
    the project's tables.
    Raises ModelRefusal while there is no champion, or where nobody is at risk.
    """
    ready = prepare(settings, now, as_of, progress, CHANGE_DAYS, examples, look_back=True)
    bundle, as_of = ready.bundle, ready.as_of
    rows = ready.features.read([as_of])
    if rows.num_rows == 0:
        raise ModelRefusal(f"Nobody is at risk at {as_of:%Y-%m-%d}: no account {customers_are(settings)} then.")
    rows, unpriced = with_expected_spend(rows, bundle.purchases, settings, ready.tables, as_of, bundle.headline)
    scores = in_batches(bundle, rows, progress)
    root, day = settings.store_path("scores"), f"{as_of:%Y-%m-%d}"
    run_id = f"{day}-{now:%Y%m%dT%H%M%S%f}"
    this = {
        "run_id": run_id, "as_of": day, "currency": ready.tables.currency, "value_months": bundle.value.months
    }  # fmt: skip
    history, days = settings.store_path(FOLDER), settings.history.days
    since = since_last(root, history, bundle, rows, scores, this, days, progress)
    before = None if ready.earlier is None else features_before(rows, ready.features.read([ready.earlier]))
    changed = change_columns(bundle, rows, before, progress) | since.columns
    carry = settings.accounts.carry if examples is None else ()
    table = scores_table(
        ready.tables.currency, ready.tables, bundle, rows, scores, before, changed, ready.version, carry
    )
    table = ranked(table, settings, bundle.headline)
    unmet = (*unmet_names(settings, table), *([unpriced] if unpriced else []))
    notes = (*ready.tables.warnings, *unmet, *_notes(ready, rows), *since.notes)
    manifest = _manifest(settings, ready, table.num_rows, run_id, now, notes) | {"previous": since.said}
    said: dict[str, Mapping[str, object]] = {
        DRIVERS: drivers(bundle, scores, rows["segment"].to_pylist(), f"{as_of:%Y-%m-%d}"),
        DESCRIBED: {"features": describe_features(bundle, ready.features.catalogue)},
        MODEL: {
            **show_version(open_registry(settings), str(ready.champion.number)).as_json(),
            "backtest": newest_backtest(settings, bundle.headline),
        },
        **journeys_and_personas(settings, ready, rows, scores),
        DRIVERS_BY_MONTH: drivers_by_month(settings, ready, rows, scores),
    }

    def write(folder: Path) -> None:
        write_run(folder, table, feature_columns(bundle, rows), said, manifest, bundle)

    newest = day if replace_newer else max(day, _published_as_of(root))
    folder = publish(root, run_id, write, make_current=newest == day, spared=since.spared)
    if newest == day:
        notes = (*notes, *_kept_in_history(history, table, manifest, days))
    return ScoreReport(
        run_id=run_id,
        folder=folder,
        as_of=as_of,
        accounts=rows.num_rows,
        value_at_risk=None if np.isnan(scores.value_at_risk).all() else float(np.nansum(scores.value_at_risk)),
        headline=bundle.headline,
        value_months=bundle.value.months,
        currency=ready.tables.currency,
        model_version=ready.version,
        notes=notes,
        published=newest == day,
        published_as_of=newest,
    )


def _kept_in_history(folder: Path, table: pa.Table, manifest: Mapping[str, object], days: int) -> tuple[str, ...]:
    """Add a published list to the history; return why that was not possible. The next list adds it then."""
    try:
        keep(folder, table, manifest, days)
    except OSError as error:  # such as a full disk: the list is published all the same
        return (f"The list was not added to the history ({error.strerror}); the next one adds it.",)
    return ()


def customers_are(settings: Settings) -> str:
    """Return what makes an account a customer, as the end of a sentence about none."""
    churn = settings.churn
    if churn.kind == "inactivity":
        return f"was active in the {churn.active_days} days before"
    return "has MRR above 0"


def _published_as_of(root: Path) -> str:
    """Return the as_of (a day) of the published list, or an empty text where there is none that can be read."""
    folder = current(root)
    try:
        return "" if folder is None else str(read_json(folder, MANIFEST).get("as_of", ""))[:10]
    except Unreadable:
        return ""


def in_batches(bundle: Bundle, rows: pa.Table, progress: Progress | None = None) -> Scores:
    """Score and explain rows, BATCH at a time."""
    parts = []
    for start in range(0, rows.num_rows, BATCH):
        parts.append(bundle.score(rows.slice(start, BATCH)))
        if progress:
            progress("scoring", min(1.0, (start + BATCH) / rows.num_rows))
    return Scores.join(parts)


def _notes(ready: Prepared, rows: pa.Table) -> tuple[str, ...]:
    bundle, judged, as_of = ready.bundle, ready.champion.judged, ready.as_of
    notes = [
        f"{count} accounts have a {name} that training never saw; it is read as unknown."
        for name, count in bundle.unseen(rows).items()
    ]
    notes.append(how_reasons_are_made(bundle))
    age = (as_of - datetime.fromisoformat(bundle.trained_until)).days
    learned = f"The model learned from outcomes up to {bundle.trained_until}"
    notes.append(
        f"{learned}, {age} days before this as_of."
        if age >= 0
        else f"{learned}: it may have seen what came after this as_of, so this list is no forecast."
    )
    if judged.version != bundle.version:
        notes.append(f"Its recipe was judged on a model that learned from outcomes up to {judged.trained_until}.")
    return tuple(notes)


def _sources(tables: Tables) -> dict[str, dict[str, object]]:
    """Return, per table, the rows that were read and refused, and the day of the newest one, None where unknown."""
    newest = {table: f"{span.last:%Y-%m-%d}" for table, span in tables.spans.items()}
    return {
        report.table: {"read": report.read, "refused": report.refused, "newest": newest.get(report.table)}
        for report in tables.reports
    }


def _manifest(
    settings: Settings, ready: Prepared, accounts: int, run_id: str, now: datetime, notes: Sequence[str]
) -> dict[str, object]:
    return {
        "run_id": run_id,
        "project": settings.name,
        "as_of": f"{ready.as_of:%Y-%m-%d}",
        "published_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "model_version": ready.version,
        "trained_until": ready.bundle.trained_until,
        "accounts": accounts,
        "kind": ready.bundle.kind,
        "horizons": ready.bundle.ends,
        "headline": ready.bundle.headline,
        "currency": ready.tables.currency,
        "value_months": ready.bundle.value.months,
        "clv_horizons": CLV_HORIZONS,
        "families": REASON_FAMILIES,
        "contact": assumptions(settings),
        "sources": _sources(ready.tables),
        "change_days": CHANGE_DAYS,
        "reasons": how_reasons_are_made(ready.bundle),
        "notes": list(notes),
        "warnings": list(ready.tables.warnings),
    }
