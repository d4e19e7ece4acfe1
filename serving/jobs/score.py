"""The scoring job: every account at risk, scored, explained, and published as one whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.build import build_features
from undertow.features.catalogue.cards import FAMILIES
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.features.sources.load import load_tables
from undertow.features.sources.loaded import Progress
from undertow.features.versions import publish
from undertow.serving.jobs.scores_table import feature_columns, scores_table
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores
from undertow.training.drivers.associated import drivers
from undertow.training.registry import tracking

BATCH = 500  # accounts scored at once, so that progress can be told


@dataclass(frozen=True)
class ScoreReport:
    """What one scoring run published; `value_at_risk`: the sum over accounts, money over 12 months."""

    run_id: str
    folder: Path
    as_of: datetime
    accounts: int
    value_at_risk: float
    model_version: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the report as plain JSON values."""
        return asdict(self) | {"folder": str(self.folder), "as_of": f"{self.as_of:%Y-%m-%d}"}


def score(
    settings: Settings,
    now: datetime,
    as_of: datetime | None = None,
    progress: Progress | None = None,
) -> ScoreReport:
    """Score every account at risk at `as_of` (the end of the rows, unless given) and publish.

    Raises ModelRefusal before there is a champion. The old list stays until the new one is whole.
    """
    champion = tracking.champion(settings)
    if champion is None:
        raise ModelRefusal("There is no model to score with yet. Run `undertow train` first.")
    tables = load_tables(settings, now, progress)
    moment = as_of or tables.until
    built = build_features(settings, tables, [moment], progress)
    champion.bundle.refuse_other_features(built.catalogue.columns)
    rows = built.read()
    if rows.num_rows == 0:
        raise ModelRefusal(f"Nobody is at risk at {moment:%Y-%m-%d}: no account has MRR above 0 then.")
    scores = _in_batches(champion.bundle, rows, progress)
    run_id = f"{moment:%Y-%m-%d}-{now:%Y%m%dT%H%M%S%f}"
    version = f"{settings.name} v{champion.number} ({champion.bundle.version})"
    table = scores_table(settings, tables, champion.bundle, rows, scores, version)
    notes = _notes(champion.bundle, rows, moment)
    manifest = _manifest(settings, champion.bundle, table, run_id, now, moment, version, notes)

    def write(folder: Path) -> None:
        segments = rows["segment"].to_pylist()
        found = drivers(champion.bundle, scores, segments, f"{moment:%Y-%m-%d}")
        _write_run(folder, table, feature_columns(champion.bundle, rows), found, manifest, champion.bundle)

    folder = publish(settings.store_path("scores"), run_id, write)
    at_risk = float(scores.value_at_risk.sum())
    return ScoreReport(run_id, folder, moment, rows.num_rows, at_risk, version, notes)


def _in_batches(
    bundle: Bundle, rows: pa.Table, progress: Progress | None
) -> Scores:
    parts = []
    for start in range(0, rows.num_rows, BATCH):
        parts.append(bundle.score(rows.slice(start, BATCH)))
        if progress:
            progress("scoring", min(1.0, (start + BATCH) / rows.num_rows))
    joined: dict[str, Any] = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        if isinstance(getattr(parts[0], field.name), np.ndarray)
        else getattr(parts[0], field.name)
        for field in fields(Scores)
    }
    return Scores(**joined)


def _notes(bundle: Bundle, rows: pa.Table, as_of: datetime) -> tuple[str, ...]:
    notes = [
        f"{count} accounts have a {name} that training never saw; it is read as unknown."
        for name, count in bundle.unseen(rows).items()
    ]
    age = (as_of - datetime.fromisoformat(bundle.trained_until)).days
    learned = f"The model learned from outcomes up to {bundle.trained_until}"
    notes.append(
        f"{learned}, {age} days before this as_of." if age >= 0
        else f"{learned}: it may have seen what came after this as_of, so this list is no forecast."
    )
    return tuple(notes)


def _manifest(
    settings: Settings,
    bundle: Bundle,
    table: pa.Table,
    run_id: str,
    now: datetime,
    as_of: datetime,
    version: str,
    notes: Sequence[str],
) -> dict[str, object]:
    return {
        "run_id": run_id,
        "project": settings.name,
        "as_of": f"{as_of:%Y-%m-%d}",
        "published_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "model_version": version,
        "trained_until": bundle.trained_until,
        "accounts": table.num_rows,
        "horizons": bundle.ends,
        "headline": bundle.headline,
        "currency": settings.value.currency,
        "value_months": settings.value.months,
        "families": FAMILIES,
        "notes": list(notes),
    }


def _write_run(
    folder: Path,
    table: pa.Table,
    features: pa.Table,
    found: dict[str, object],
    manifest: dict[str, object],
    bundle: Bundle,
) -> None:
    pq.write_table(table, folder / "scores.parquet")
    pq.write_table(features, folder / "features.parquet")
    bundle.save(folder / "bundle")
    for name, content in (("drivers.json", found), ("manifest.json", manifest)):
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / name).write_text(text, encoding="utf-8")
