"""The 60 columns by hand in pandas: `python in_pandas.py JOB`. One groupby per window and as_of."""

import json
import sys
from pathlib import Path
from time import process_time

import pandas as pd

WINDOWS = (7, 30, 90)
KINDS = {
    "page_views": "page_view", "errors": "error", "crashes": "crash", "feature_use": "feature_used",
    "logins": "login", "conversions": "conversion", "tasks_started": "task_started", "task_failures": "task_failed",
}  # fmt: skip
READ = ["account_id", "user_id", "occurred_at", "recorded_at", "kind", "platform", "duration_ms"]
DISTINCT = {"active_users": "user_id", "active_days": "day", "platforms_used": "platform"}


def main(job: dict) -> None:
    """Write account_id, as_of and the 60 columns for every as_of."""
    data = Path(job["data"])
    files = sorted(data.glob("events/month=*/*.parquet"))
    accounts = pd.read_parquet(data / "accounts.parquet")["account_id"]
    parts = [_features(files, accounts, pd.Timestamp(as_of)) for as_of in job["as_ofs"]]
    pd.concat(parts, ignore_index=True).to_parquet(job["out"])


def _features(files: list[Path], accounts: pd.Series, as_of: pd.Timestamp) -> pd.DataFrame:
    since = as_of - pd.Timedelta(days=max(WINDOWS))
    months = [str(file) for file in files if f"month={since:%Y-%m}" <= file.parent.name <= f"month={as_of:%Y-%m}"]
    within = [("occurred_at", ">=", since), ("occurred_at", "<", as_of), ("recorded_at", "<", as_of)]
    rows = pd.read_parquet(months, columns=READ, filters=within, partitioning=None)
    rows = rows.astype({"account_id": "category", "kind": "category", "platform": "category"})
    rows["day"] = rows["occurred_at"].dt.floor("D")
    features = pd.DataFrame({"as_of": as_of}, index=pd.Index(accounts, name="account_id"))
    for days in WINDOWS:
        inside = rows[rows["occurred_at"] >= as_of - pd.Timedelta(days=days)]
        features = features.join(_window(inside).reindex(features.index).add_suffix(f"_{days}"))
    counted = [f"{name}_{days}" for name in (*KINDS, *DISTINCT) for days in WINDOWS]
    features[counted] = features[counted].fillna(0.0)
    return features.reset_index()


def _window(rows: pd.DataFrame) -> pd.DataFrame:
    counts = rows.groupby(["account_id", "kind"], observed=True).size().unstack(fill_value=0)
    counts = counts.reindex(columns=[*KINDS.values(), "task_completed"], fill_value=0)
    features = pd.DataFrame({name: counts[kind] for name, kind in KINDS.items()})
    for name, column in DISTINCT.items():
        pairs = rows[["account_id", column]].dropna().drop_duplicates()
        features[name] = pairs.groupby("account_id", observed=True).size()
    pages = rows[rows["kind"] == "page_view"]
    took = pages["duration_ms"]
    flags = pd.DataFrame({"slow": took > 3000, "satisfied": took <= 2000, "bearable": took <= 8000})
    flags["timed"] = took.notna()
    flags = flags.groupby(pages["account_id"], observed=True).sum()
    features["error_rate"] = _over(counts["error"], counts["page_view"])
    features["task_failure_rate"] = _over(counts["task_failed"], counts["task_started"])
    features["task_success_rate"] = _over(counts["task_completed"], counts["task_started"])
    features["slow_load_share"] = _over(flags["slow"], counts["page_view"])
    features["apdex"] = _over(0.5 * flags["satisfied"] + 0.5 * flags["bearable"], flags["timed"])
    loads = pages.groupby("account_id", observed=True)["duration_ms"]
    features["load_time_mean"], features["slowest_load"] = loads.mean(), loads.max()
    features["load_time_median"], features["load_time_p95"] = loads.median(), loads.quantile(0.95)
    return features


def _over(above: pd.Series, below: pd.Series) -> pd.Series:
    return above / below.where(below > 0)


if __name__ == "__main__":
    print(f"ready {process_time()}")
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
