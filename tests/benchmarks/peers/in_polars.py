"""The 60 columns by hand in Polars: `python in_polars.py JOB`. One lazy scan per as_of, written as one file."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from time import process_time

import polars as pl

WINDOWS = (7, 30, 90)
KINDS = {
    "page_views": "page_view", "errors": "error", "crashes": "crash", "feature_use": "feature_used",
    "logins": "login", "conversions": "conversion", "tasks_started": "task_started", "task_failures": "task_failed",
}  # fmt: skip
READ = ("account_id", "user_id", "occurred_at", "kind", "platform", "duration_ms")
COUNTED = (*KINDS, "active_users", "active_days", "platforms_used")


def main(job: dict) -> None:
    """Write account_id, as_of and the 60 columns for every as_of."""
    files = sorted(Path(job["data"]).glob("events/month=*/*.parquet"))
    accounts = pl.scan_parquet(Path(job["data"]) / "accounts.parquet")
    parts = [_features(files, accounts, datetime.fromisoformat(as_of)) for as_of in job["as_ofs"]]
    pl.concat([part.collect(engine=job.get("polars_engine", "auto")) for part in parts]).write_parquet(job["out"])


def _features(files: list[Path], accounts: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    features = accounts
    rows = _rows(files, as_of)
    for part in (_sums(rows), _loads(rows), *_distincts(rows)):
        features = features.join(part, on="account_id", how="left")
    counted = [pl.col(f"{name}_{days}").fill_null(0) for name in COUNTED for days in WINDOWS]
    return features.with_columns(counted).with_columns(_rates()).select(_wanted(as_of))


def _rows(files: list[Path], as_of: datetime) -> pl.LazyFrame:
    since = as_of - timedelta(days=max(WINDOWS))
    months = [file for file in files if f"month={since:%Y-%m}" <= file.parent.name <= f"month={as_of:%Y-%m}"]
    rows = pl.scan_parquet(months, hive_partitioning=False)
    occurred = pl.col("occurred_at")
    rows = rows.filter(occurred >= since, occurred < as_of, pl.col("recorded_at") < as_of).select(READ)
    kind = pl.col("kind").cast(pl.Categorical)
    band = pl.when(occurred >= as_of - timedelta(days=7)).then(0).when(occurred >= as_of - timedelta(days=30))
    return rows.with_columns(kind, band.then(1).otherwise(2).cast(pl.Int8).alias("band"))


def _inside(days: int) -> pl.Expr:
    return pl.col("band") <= WINDOWS.index(days)


def _sums(rows: pl.LazyFrame) -> pl.LazyFrame:
    kind, took = pl.col("kind"), pl.col("duration_ms")
    is_page = kind == "page_view"
    conditions = {name: kind == value for name, value in KINDS.items()}
    conditions |= {"completed": kind == "task_completed", "slow": is_page & (took > 3000)}
    conditions |= {"satisfied": is_page & (took <= 2000), "bearable": is_page & (took <= 8000)}
    conditions |= {"timed": is_page & took.is_not_null()}
    flags = rows.with_columns(**conditions)
    return flags.group_by("account_id").agg(
        (pl.col(name) & _inside(days)).sum().alias(f"{name}_{days}") for name in conditions for days in WINDOWS
    )


def _loads(rows: pl.LazyFrame) -> pl.LazyFrame:
    took = pl.col("duration_ms")
    aggregates = []
    for days in WINDOWS:
        inside = took.filter(_inside(days)) if days < max(WINDOWS) else took
        aggregates += [
            inside.mean().alias(f"load_time_mean_{days}"),
            inside.median().alias(f"load_time_median_{days}"),
            inside.quantile(0.95, "linear").alias(f"load_time_p95_{days}"),
            inside.max().alias(f"slowest_load_{days}"),
        ]
    return rows.filter(pl.col("kind") == "page_view").group_by("account_id").agg(aggregates)


def _distincts(rows: pl.LazyFrame) -> list[pl.LazyFrame]:
    """Return the distinct counts: the newest band of each value gives the windows that contain it."""
    each = {"active_users": pl.col("user_id"), "active_days": pl.col("occurred_at").dt.date()}
    each["platforms_used"] = pl.col("platform")
    counted = []
    for name, value in each.items():
        seen = rows.select("account_id", "band", value.alias("value")).filter(pl.col("value").is_not_null())
        newest = seen.group_by("account_id", "value").agg(pl.col("band").min())
        counts = [_inside(days).sum().alias(f"{name}_{days}") for days in WINDOWS]
        counted.append(newest.group_by("account_id").agg(counts))
    return counted


def _rates() -> list[pl.Expr]:
    rates = []
    for days in WINDOWS:
        fractions = {
            "error_rate": ("errors", "page_views"),
            "task_failure_rate": ("task_failures", "tasks_started"),
            "task_success_rate": ("completed", "tasks_started"),
            "slow_load_share": ("slow", "page_views"),
        }
        for name, (above, below) in fractions.items():
            under = pl.col(f"{below}_{days}")
            rates.append(pl.when(under > 0).then(pl.col(f"{above}_{days}") / under).alias(f"{name}_{days}"))
        timed = pl.col(f"timed_{days}")
        halves = 0.5 * pl.col(f"satisfied_{days}") + 0.5 * pl.col(f"bearable_{days}")
        rates.append(pl.when(timed > 0).then(halves / timed).alias(f"apdex_{days}"))
    return rates


def _wanted(as_of: datetime) -> list[pl.Expr]:
    rates = ("error_rate", "task_failure_rate", "task_success_rate", "slow_load_share", "apdex")
    loads = ("load_time_mean", "load_time_median", "load_time_p95", "slowest_load")
    names = [f"{name}_{days}" for name in (*COUNTED, *rates, *loads) for days in WINDOWS]
    return [pl.col("account_id"), pl.lit(as_of).cast(pl.Datetime("us")).alias("as_of"), *[pl.col(n) for n in names]]


if __name__ == "__main__":
    print(f"ready {process_time()}")
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
