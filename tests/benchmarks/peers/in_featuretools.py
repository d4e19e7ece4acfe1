"""The 60 columns in Featuretools: `python in_featuretools.py JOB`. One feature matrix per window, all as_ofs at once.

Rows recorded at or after an as_of are hidden from it by a secondary time index.
"""

import json
import sys
import warnings
from datetime import datetime
from pathlib import Path
from time import process_time
from typing import ClassVar

import featuretools as ft
import pandas as pd
from featuretools.primitives import AggregationPrimitive, Count, Max, Mean, Median, NumUnique
from woodwork.column_schema import ColumnSchema
from woodwork.logical_types import Double

warnings.filterwarnings("ignore")
WINDOWS = (7, 30, 90)
KINDS = {
    "page_views": "page_view", "errors": "error", "crashes": "crash", "feature_use": "feature_used",
    "logins": "login", "conversions": "conversion", "tasks_started": "task_started", "task_failures": "task_failed",
    "completed": "task_completed",
}  # fmt: skip
LIMITS = {"fast": 2000.0, "slow": 3000.0, "bearable": 8000.0}
RATES = {
    "error_rate": ("errors", "page_views"), "task_failure_rate": ("task_failures", "tasks_started"),
    "task_success_rate": ("completed", "tasks_started"),
}  # fmt: skip
DISTINCT = {"active_users": "user_id", "active_days": "day", "platforms_used": "platform"}
LATE = ["user_id", "kind", "platform", "day", "load_ms"]


class Quantile95(AggregationPrimitive):
    """The 95th percentile, which Featuretools does not have."""

    name = "quantile_95"
    input_types: ClassVar = [ColumnSchema(semantic_tags={"numeric"})]
    return_type = ColumnSchema(logical_type=Double, semantic_tags={"numeric"})

    def get_function(self):
        """Return the function that computes it."""
        return lambda values: values.quantile(0.95)


def main(job: dict) -> None:
    """Write account_id, as_of and the 60 columns for every as_of."""
    events, accounts = _read(Path(job["data"]), datetime.fromisoformat(job["as_ofs"][0]))
    entities = _entities(events, accounts)
    cutoffs = pd.MultiIndex.from_product([pd.to_datetime(job["as_ofs"]), accounts["account_id"]]).to_frame(index=False)
    cutoffs.columns = ["time", "account_id"]
    features = _features(entities)
    parts = [_window(entities, features, cutoffs[["account_id", "time"]], days) for days in WINDOWS]
    pd.concat(parts, axis=1).reset_index().rename(columns={"time": "as_of"}).to_parquet(job["out"])


def _read(data: Path, first: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    since = pd.Timestamp(first) - pd.Timedelta(days=max(WINDOWS))
    months = [str(f) for f in sorted(data.glob("events/month=*/*.parquet")) if f.parent.name >= f"month={since:%Y-%m}"]
    read = ["event_id", "account_id", "user_id", "occurred_at", "recorded_at", "kind", "platform", "duration_ms"]
    events = pd.read_parquet(months, columns=read, filters=[("occurred_at", ">=", since)], partitioning=None)
    events["day"] = events["occurred_at"].dt.strftime("%Y-%m-%d")
    events["load_ms"] = events.pop("duration_ms").where(events["kind"] == "page_view")
    return events, pd.read_parquet(data / "accounts.parquet")


def _entities(events: pd.DataFrame, accounts: pd.DataFrame) -> ft.EntitySet:
    entities = ft.EntitySet("bench")
    entities.add_dataframe(dataframe_name="accounts", dataframe=accounts, index="account_id")
    kinds = dict.fromkeys(["kind", "user_id", "platform", "day"], "Categorical")
    entities.add_dataframe(
        dataframe_name="events", dataframe=events, index="event_id", time_index="occurred_at",
        secondary_time_index={"recorded_at": LATE}, logical_types={**kinds, "load_ms": "Double"},
    )  # fmt: skip
    return entities.add_relationship("accounts", "account_id", "events", "account_id")


def _features(entities: ft.EntitySet) -> list[ft.FeatureBase]:
    kind, load = ft.Feature(entities["events"].ww["kind"]), ft.Feature(entities["events"].ww["load_ms"])
    index = ft.Feature(entities["events"].ww["event_id"])

    def count(where: ft.FeatureBase) -> ft.FeatureBase:
        return ft.Feature(index, parent_dataframe_name="accounts", where=where, primitive=Count)

    def of(column: ft.FeatureBase, primitive: type[AggregationPrimitive]) -> ft.FeatureBase:
        return ft.Feature(column, parent_dataframe_name="accounts", primitive=primitive)

    features = {name: count(kind == value) for name, value in KINDS.items()}
    features |= {"slow": count(load > LIMITS["slow"])}
    features |= {"satisfied": count(load <= LIMITS["fast"]), "bearable": count(load <= LIMITS["bearable"])}
    features |= {"timed": count(load >= 0.0)}
    features |= {"load_time_mean": of(load, Mean), "load_time_median": of(load, Median)}
    features |= {"load_time_p95": of(load, Quantile95), "slowest_load": of(load, Max)}
    features |= {name: of(ft.Feature(entities["events"].ww[column]), NumUnique) for name, column in DISTINCT.items()}
    return [feature.rename(name) for name, feature in features.items()]


def _window(entities: ft.EntitySet, features: list, cutoffs: pd.DataFrame, days: int) -> pd.DataFrame:
    matrix = ft.calculate_feature_matrix(
        features, entities, cutoff_time=cutoffs, training_window=f"{days} days", include_cutoff_time=False,
        cutoff_time_in_index=True, n_jobs=1, verbose=False,
    )  # fmt: skip
    matrix = matrix.astype("float64")
    counted = [*KINDS, "slow", "satisfied", "bearable", "timed", *DISTINCT]
    matrix[counted] = matrix[counted].fillna(0.0)
    for name, (above, below) in {**RATES, "slow_load_share": ("slow", "page_views")}.items():
        matrix[name] = matrix[above] / matrix[below].where(matrix[below] > 0)
    timed = matrix["timed"].where(matrix["timed"] > 0)
    matrix["apdex"] = (0.5 * matrix["satisfied"] + 0.5 * matrix["bearable"]) / timed
    return matrix.drop(columns=["slow", "satisfied", "bearable", "timed", "completed"]).add_suffix(f"_{days}")


if __name__ == "__main__":
    print(f"ready {process_time()}", flush=True)
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
