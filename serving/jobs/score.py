"""The scoring job: every account at risk, scored, explained, and published as one whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
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
from undertow.features.sources.loaded import Progress, Tables
from undertow.features.versions import publish
from undertow.serving.jobs.reasons import Reason, reasons_of
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import Scores
from undertow.training.drivers.associated import drivers
from undertow.training.examples.outcomes import CAUSES
from undertow.training.registry import tracking

BATCH = 500  # accounts scored at once, so that progress can be told

EVIDENCE = pa.struct(
    [
        ("feature", pa.string()),
        ("sentence", pa.string()),
        ("unit", pa.string()),
        ("value", pa.float64()),
        ("before", pa.float64()),
        ("typical", pa.float64()),
        ("said", pa.string()),
    ]
)
REASONS = pa.list_(
    pa.struct(
        [
            ("family", pa.string()),
            ("contribution", pa.float64()),
            ("agreement", pa.float64()),
            ("evidence", pa.list_(EVIDENCE)),
        ]
    )
)

TOP_FEATURES = pa.list_(
    pa.struct([("feature", pa.string()), ("family", pa.string()), ("contribution", pa.float64())])
)


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
        _write_run(folder, table, _feature_columns(champion.bundle, rows), found, manifest, champion.bundle)

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


def scores_table(
    settings: Settings, tables: Tables, bundle: Bundle, rows: pa.Table, scores: Scores, version: str
) -> pa.Table:
    """Return one row an account, by value at risk from the highest; the account's id breaks ties."""
    facts = _account_facts(tables, rows)
    as_of = rows["as_of"].to_pylist()
    renews = [
        None if days is None else moment + timedelta(days=days)
        for moment, days in zip(as_of, rows["days_to_renewal"].to_pylist(), strict=True)
    ]
    headline = bundle.ends.index(bundle.headline)
    likelier = scores.by_cause[:, headline, 1] > scores.by_cause[:, headline, 0]
    told = _reasons(bundle, scores, rows)
    columns: dict[str, object] = {
        "account_id": rows["account_id"],
        **facts,
        "as_of": rows["as_of"],
        "mrr": rows["mrr"],
        "currency": [settings.value.currency] * rows.num_rows,
        "tenure_days": rows["tenure_days"],
        "renews_at": pa.array(renews, pa.timestamp("us")),
        "cause": [CAUSES[int(which)] for which in likelier],
        **_probabilities(bundle, scores),
        "clv": scores.clv,
        "clv_if_kept": scores.clv_if_kept,
        "value_at_risk": scores.value_at_risk,
        "baseline_probability": np.full(rows.num_rows, scores.baseline_probability),
        "baseline_log_odds": np.full(rows.num_rows, scores.baseline_log_odds),
        **{f"probability_{f}": scores.probability_by_family[:, i] for i, f in enumerate(FAMILIES)},
        **{f"log_odds_{f}": scores.log_odds_by_family[:, i] for i, f in enumerate(FAMILIES)},
        "top_features": pa.array([_top_features(bundle, scores, row) for row in range(rows.num_rows)], TOP_FEATURES),
        "reasons": pa.array([[asdict(reason) for reason in mine] for mine in told], REASONS),
        **{
            f"reason_{number + 1}": pa.array(
                [mine[number].said if len(mine) > number else None for mine in told], pa.string()
            )
            for number in range(2)
        },
        "model_version": [version] * rows.num_rows,
    }
    return pa.table(columns).sort_by([("value_at_risk", "descending"), ("account_id", "ascending")])


def _probabilities(bundle: Bundle, scores: Scores) -> dict[str, np.ndarray]:
    found = {}
    for position, horizon in enumerate(bundle.ends):
        found[f"p_{horizon}"] = scores.probability[:, position]
        for number, cause in enumerate(CAUSES):
            found[f"p_{cause}_{horizon}"] = scores.by_cause[:, position, number]
    return found


def _account_facts(tables: Tables, rows: pa.Table) -> dict[str, pa.Array]:
    """Return name, segment, country and owner of each row's account, as they stand today."""
    names = ["name", "segment", "country", "owner"]
    accounts = pq.read_table(tables.path("accounts"), columns=["account_id", *names]).to_pylist()
    by_id = {account["account_id"]: account for account in accounts}
    mine = [by_id.get(account, {}) for account in rows["account_id"].to_pylist()]  # merged away: nothing is told
    return {name: pa.array([account.get(name) for account in mine], pa.string()) for name in names}


def _reasons(bundle: Bundle, scores: Scores, rows: pa.Table) -> list[tuple[Reason, ...]]:
    return [reasons_of(bundle, scores, row, values) for row, values in enumerate(rows.to_pylist())]


def _top_features(bundle: Bundle, scores: Scores, row: int) -> list[dict[str, object]]:
    names = ("feature", "family", "contribution")
    return [dict(zip(names, each, strict=True)) for each in bundle.top_features(scores, row)]


def _feature_columns(bundle: Bundle, rows: pa.Table) -> pa.Table:
    return rows.select(["account_id", "as_of", *(column.name for column in bundle.columns)])


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
