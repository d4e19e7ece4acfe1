"""The table of published scores: one row per account, with what its score is made of and the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.errors import SettingsError, did_you_mean
from undertow.features.sources.loaded import Tables
from undertow.serving.jobs.announcements import announced_texts, gave_notice
from undertow.serving.jobs.reasons import Reasons, reason_line, reasons_of
from undertow.serving.published.answers import CARRIED
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import CLV_HORIZONS, Scores
from undertow.training.examples.outcomes import CAUSES
from undertow.training.value.spend import SPEND_COLUMNS, YEAR_SPENT

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
TOP_FEATURES = pa.list_(pa.struct([("feature", pa.string()), ("family", pa.string()), ("contribution", pa.float64())]))


BATCH = 500  # accounts whose features are read into Python values at once


def scores_table(
    currency: str,
    tables: Tables,
    bundle: Bundle,
    rows: pa.Table,
    scores: Scores,
    before: pa.Table | None,
    changed: Mapping[str, pa.Array],
    version: str,
    carry: Sequence[str] = (),
) -> pa.Table:
    """Return one row per account, in the order of `rows`.

    `before`: features of the same accounts 30 days earlier, row by row, or None. `changed`: the columns of
    `change_columns`. `carry`: columns of the accounts that come along, as carried_<name>. Raises SettingsError for one
    that the accounts do not have.
    """
    facts = _account_facts(tables, rows, carry)
    as_of = rows["as_of"].to_pylist()
    renews = [
        None if days is None else moment + timedelta(days=days)
        for moment, days in zip(as_of, _numbers(rows, "days_to_renewal").to_pylist(), strict=True)
    ]
    headline = bundle.ends.index(bundle.headline)
    likelier = scores.by_cause[:, headline, 1] > scores.by_cause[:, headline, 0]
    reasons = list(_reasons(bundle, scores, rows, before))
    columns: dict[str, object] = {
        "account_id": rows["account_id"],
        **facts,
        "as_of": rows["as_of"],
        "mrr": _numbers(rows, "mrr"),
        "spent": _numbers(rows, YEAR_SPENT),
        "currency": [currency] * rows.num_rows,
        "tenure_days": _numbers(rows, "tenure_days"),
        "renews_at": pa.array(renews, pa.timestamp("us")),
        "announced": pa.array(announced_texts(rows, bundle.notice_probability), pa.string()),
        "notice": gave_notice(rows, bundle.notice_probability),
        "cause": [CAUSES[int(which)] for which in likelier],
        **_probabilities(bundle, scores),
        **value_columns(scores),
        "like_probability": scores.like_probability,
        **{f"probability_{f}": scores.probability_by_family[:, i] for i, f in enumerate(REASON_FAMILIES)},
        **changed,
        "top_features": pa.array([_top_features(bundle, scores, row) for row in range(rows.num_rows)], TOP_FEATURES),
        "stands_out": pa.array([each.stands_out for each in reasons], pa.bool_()),
        "reasons": pa.array([[msgspec.to_builtins(one) for one in each.ranked] for each in reasons], REASONS),
        **{
            f"reason_{number + 1}": pa.array([reason_line(each, number) for each in reasons], pa.string())
            for number in range(2)
        },
        "model_version": [version] * rows.num_rows,
    }
    return pa.table(columns)


def _numbers(rows: pa.Table, name: str) -> pa.Array:
    """Return a numeric column; null everywhere where rows have none of that name."""
    return rows[name] if name in rows.column_names else pa.nulls(rows.num_rows, pa.float64())


def value_columns(scores: Scores) -> dict[str, pa.Array]:
    """Return the columns of value: CLV and its interval, by horizon, value at risk and how it adds up.

    Null where a value is not known.
    """
    columns = {
        "clv": scores.clv,
        "clv_low": scores.clv_low,
        "clv_high": scores.clv_high,
        **{f"clv_{name}": scores.clv_by_horizon[:, place] for place, name in enumerate(CLV_HORIZONS)},
        "months_expected": scores.months_expected,
        "months_in_a_year": scores.months_in_a_year,
        "clv_if_kept": scores.clv_if_kept,
        "value_at_risk": scores.value_at_risk,
        "like_value_at_risk": scores.like_value_at_risk,
        **{f"value_at_risk_{f}": scores.value_at_risk_by_family[:, i] for i, f in enumerate(REASON_FAMILIES)},
    }
    return {name: pa.array(values, from_pandas=True) for name, values in columns.items()}


def _probabilities(bundle: Bundle, scores: Scores) -> dict[str, np.ndarray]:
    columns = {}
    for position, horizon in enumerate(bundle.ends):
        columns[f"p_{horizon}"] = scores.probability[:, position]
        for number, cause in enumerate(CAUSES):
            columns[f"p_{cause}_{horizon}"] = scores.by_cause[:, position, number]
    return columns


def _account_facts(tables: Tables, rows: pa.Table, carry: Sequence[str]) -> dict[str, pa.Array]:
    """Return name, segment, country, owner and what is carried of each row's account, as they stand today."""
    given = {name.lower(): name for name in pq.read_schema(tables.path("accounts")).names}
    if unknown := [name for name in carry if name not in given]:
        raise SettingsError(
            f"[accounts] carry names {unknown[0]}, which the SELECT of accounts does not yield; its columns are "
            f"{', '.join(given)}.{did_you_mean(unknown[0], given)}"
        )
    names = ["name", "segment", "country", "owner", *(given[name] for name in carry)]
    accounts = pq.read_table(tables.path("accounts"), columns=["account_id", *names]).to_pylist()
    by_id = {account["account_id"]: account for account in accounts}
    mine = [by_id.get(account, {}) for account in rows["account_id"].to_pylist()]  # an account merged away has none
    columns = {}
    for name in names:
        column = f"{CARRIED}{name.lower()}" if name.lower() in carry else name
        columns[column] = pa.array([_text(account.get(name)) for account in mine], pa.string())
    return columns


def _text(value: object) -> str | None:
    """Return a value as text; a whole number, such as an id, without a fraction."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def _reasons(bundle: Bundle, scores: Scores, rows: pa.Table, before: pa.Table | None) -> Iterator[Reasons]:
    typical = bundle.typical_values(rows)
    for start in range(0, rows.num_rows, BATCH):
        batch = rows.slice(start, BATCH).to_pylist()
        earlier = [{}] * len(batch) if before is None else before.slice(start, BATCH).to_pylist()
        for number, (values, then) in enumerate(zip(batch, earlier, strict=True), start):
            yield reasons_of(bundle, scores, number, values, then, typical[number])


def _top_features(bundle: Bundle, scores: Scores, row: int) -> list[dict[str, object]]:
    names = ("feature", "family", "contribution")
    return [dict(zip(names, each, strict=True)) for each in bundle.top_features(scores, row)]


def feature_columns(bundle: Bundle, rows: pa.Table) -> pa.Table:
    """Return account_id, as_of and the columns that the bundle reads, with the expected spend where there is one."""
    beside = [name for name in SPEND_COLUMNS if name in rows.column_names]
    return rows.select(["account_id", "as_of", *(column.name for column in bundle.columns), *beside])
