"""A published run written by hand: six accounts, their features, and what the bundle trained by hand says of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.serving.drivers_by_hand import drivers_by_month_by_hand
from tests.serving.overviews_by_hand import journeys_by_hand, personas_by_hand
from tests.training.bundle.by_hand import CARDS, ENDS, HEADLINE, no_value
from undertow.features.catalogue.cards import REASON_FAMILIES
from undertow.features.catalogue.choose import Catalogue
from undertow.features.settings import make_settings
from undertow.serving.jobs.beside_the_list.described import describe_features
from undertow.serving.jobs.ranking import assumptions, ranked
from undertow.serving.jobs.scores_table import value_columns
from undertow.serving.jobs.since_last import SinceLast
from undertow.serving.published.run_files import write_run
from undertow.training.bundle.bundle import Bundle
from undertow.training.bundle.scores import CLV_HORIZONS
from undertow.training.bundle.stability import CLEAR_LEAD, leads

AS_OF = datetime(2025, 1, 31)
Row = dict[str, Any]
People = tuple[tuple[Any, ...], ...]
# account_id, name, owner, segment, error rate, open tickets, failed payments, active days, mrr
PEOPLE: People = (
    ("A-00042", "Nordwind Logistik GmbH", "Mara Lindqvist", "business", 0.12, 3.0, 2.0, 4.0, 4200.0),
    ("A-00007", "Bluebird Analytics", "Tom Okafor", "startup", 0.01, 0.0, 0.0, 22.0, 900.0),
    ("kunde 7/b", "Grün & Söhne", "Mara Lindqvist", "business", 0.03, None, 0.0, 15.0, 2500.0),
    ("<b>x</b>", "<script>alert('x')</script>", None, "startup", None, 1.0, 3.0, 2.0, 1200.0),
    ("日本-1", "=HYPERLINK(\"http://x.example\")", "@owner", None, 0.02, 0.0, 0.0, 9.0, 300.0),
    ("zero", None, "Tom Okafor", "startup", 0.0, 0.0, 0.0, 30.0, 0.0),
)  # fmt: skip


def feature_rows(people: People, as_of: datetime = AS_OF) -> pa.Table:
    """Return the features of the tiny accounts as they are published."""
    ids, _, _, segments, errors, tickets, failed, active, mrr = zip(*people, strict=True)
    numbers = {
        "error_rate_30": errors,
        "tickets_open": tickets,
        "crashes_30": [0.0] * len(ids),
        "failed_payments_30": failed,
        "days_to_card_expiry": [None if i % 2 else 12.0 + 100 * i for i in range(len(ids))],
        "active_days_30": active,
        "mrr": mrr,
        "tenure_days": [100.0 + 40 * i for i in range(len(ids))],
        "days_to_renewal": [None if i % 3 == 2 else 20.0 + 30 * i for i in range(len(ids))],
        "term_months": [12.0] * len(ids),
    }
    return pa.table({
        "account_id": pa.array(ids),
        "as_of": pa.array([as_of] * len(ids), pa.timestamp("us")),
        **{name: pa.array(values, pa.float64()) for name, values in numbers.items()},
        "segment": pa.array(segments, pa.string()),
    })  # fmt: skip


def write_by_hand(
    folder: Path,
    run_id: str,
    bundle: Bundle,
    people: People,
    as_of: datetime = AS_OF,
    compared: SinceLast | None = None,
) -> None:
    """Write a run. `compared`: with the list before, row by row; without it, it is a run of an earlier release."""
    rows = feature_rows(people, as_of)
    moved = {} if compared is None else compared.columns
    scored = [{**row, "as_of": as_of, **{name: values[i].as_py() for name, values in moved.items()}}
              for i, row in enumerate(_scores(rows, bundle, people))]  # fmt: skip
    schema = pa.schema([*SCHEMA, *((name, values.type) for name, values in moved.items())])
    settings = make_settings(Path(), {"contact": {"cost": 20}})
    table = ranked(pa.Table.from_pylist(scored, schema), settings, HEADLINE)
    found = table.to_pylist()
    manifest = {
        "run_id": run_id, "as_of": f"{as_of:%Y-%m-%d}", "published_at": "2025-02-01T04:00:00",
        "model_version": bundle.version, "trained_until": bundle.trained_until,
        "accounts": len(people), "horizons": list(ENDS), "headline": HEADLINE,
        "currency": "EUR", "value_months": 12, "clv_horizons": list(CLV_HORIZONS),
        "families": list(REASON_FAMILIES), "change_days": 30, "contact": assumptions(settings),
        "reasons": "The model is a sum of parts by family.",
        **({} if compared is None else {"previous": compared.said}),
    }  # fmt: skip
    said = {
        "drivers.json": _drivers(found),
        "described.json": {"features": describe_features(bundle, Catalogue((), {}))},
        "model.json": {
            "version": 1, "aliases": ["champion"], "run_id": "0a1b", "bundle": bundle.version,
            "trained_at": "2025-02-01T03:00:00", "trained_until": "2024-10-03", "verdict": "the first model",
            "metrics": {"auroc_90": 0.7}, "tags": {"seed": "7"},
            "history": [{"at": "2025-02-01T03:00:00", "version": 1, "before": None, "how": "training",
                         "reason": "the first model"}],
            "model_card": "# Model card",
        },
        "journeys.json": journeys_by_hand(),
        "personas.json": personas_by_hand(),
        "drivers_by_month.json": drivers_by_month_by_hand(),
    }
    write_run(folder, table, rows, said, manifest, bundle)


def _scores(rows: pa.Table, bundle: Bundle, people: People) -> list[Row]:
    scores, changed = bundle.score(rows), _changed(rows, bundle)
    return [
        {
            "account_id": person[0], "name": person[1], "as_of": AS_OF, "segment": person[3], "country": "DE",
            "owner": person[2], "mrr": person[8], "currency": "EUR", "tenure_days": rows["tenure_days"][i].as_py(),
            "renews_at": None if i % 3 == 2 else AS_OF + timedelta(days=20 + 30 * i),
            "announced": "down to 2,000 from 2025-03-01" if person[0] == "kunde 7/b" else None,
            "notice": False, "cause": ("voluntary", "involuntary")[int(scores.by_cause[i, 2].argmax())],
            **{f"p_{h}": scores.probability[i, k] for k, h in enumerate(ENDS)},
            **{f"p_voluntary_{h}": scores.by_cause[i, k, 0] for k, h in enumerate(ENDS)},
            **{f"p_involuntary_{h}": scores.by_cause[i, k, 1] for k, h in enumerate(ENDS)},
            **{name: values[i].as_py() for name, values in value_columns(scores).items()},
            "like_probability": scores.like_probability[i],
            **{f"probability_{f}": scores.probability_by_family[i, k] for k, f in enumerate(REASON_FAMILIES)},
            **changed[i],
            "top_features": [
                dict(zip(("feature", "family", "contribution"), each, strict=True))
                for each in bundle.top_features(scores, i)
            ],
            "stands_out": bool(leads(scores.probability_by_family)[i] >= CLEAR_LEAD),
            "reasons": (reasons := _reasons(person, scores.probability_by_family[i])),
            **{f"reason_{n + 1}": _line(reasons, n) for n in range(2)},
            "model_version": bundle.version,
        }
        for i, person in enumerate(people)
    ]  # fmt: skip


def _changed(rows: pa.Table, bundle: Bundle) -> list[Row]:
    """Return the changes against a month in which all met half the errors; "zero" was not at risk then."""
    errors = [None if rate is None else rate / 2 for rate in rows["error_rate_30"].to_pylist()]
    before = rows.set_column(rows.column_names.index("error_rate_30"), "error_rate_30", pa.array(errors, pa.float64()))
    days = [None if days is None else days + 30 for days in rows["days_to_renewal"].to_pylist()]
    before = before.set_column(rows.column_names.index("days_to_renewal"), "days_to_renewal", pa.array(days))
    change = bundle.change(rows, before)
    return [
        {name: None if account == "zero" else value for name, value in found.items()}
        for i, account in enumerate(rows["account_id"].to_pylist())
        for found in [{**{f"changed_{f}": change.by_family[i, k] for k, f in enumerate(REASON_FAMILIES)},
                       "changed_clock": change.clock[i]}]
    ]  # fmt: skip


def _reasons(person: tuple[Any, ...], by_family: np.ndarray) -> list[Row]:
    shown = {
        "ux": ("error_rate_30", "Errors per page view", "share", person[4], 0.032, 0.014),
        "cx": ("tickets_open", "Tickets still open", "count", person[5], 0.0, 0.0),
        "billing": ("failed_payments_30", "Payment attempts that failed", "count", person[6], None, 0.0),
        "usage": ("active_days_30", "Days with a session", "days", person[7], 18.0, 16.0),
    }
    words = {
        "ux": "error rate {0:.0%} in the last 30 days; typical for accounts like it 1.4 %",
        "cx": "support tickets open: {0:.0f}; typical for accounts like it 0",
        "billing": "payments that failed in the last 30 days: {0:.0f}; typical for accounts like it 0",
        "usage": "active on {0:.0f} of the last 30 days; typical for accounts like it 16",
    }
    pairs = zip(REASON_FAMILIES, by_family, strict=True)
    raising = [(float(share), family) for family, share in pairs if family in shown and share > 0]
    names = ("feature", "sentence", "unit", "value", "before", "typical")
    reasons = []
    for share, family in sorted(raising, reverse=True)[:2]:
        evidence = dict(zip(names, shown[family], strict=True))
        said = "unknown" if evidence["value"] is None else words[family].format(evidence["value"])
        facts = [{**evidence, "said": said}]
        agreement = None if reasons else 0.8
        reasons.append({"family": family, "contribution": share, "agreement": agreement, "evidence": facts})
    return reasons


def _line(reasons: list[Row], number: int) -> str | None:
    if number >= len(reasons):
        return None
    return f"{reasons[number]['family']}: {reasons[number]['evidence'][0]['said']}"


def _drivers(found: list[Row]) -> Row:
    def mean(family: str, rows: list[Row], absolute: bool = False) -> float:
        values = [row[f"probability_{family}"] for row in rows]
        return float(np.mean(np.abs(values) if absolute else values))

    families = [
        {
            "family": family, "mean_absolute_contribution": mean(family, found, absolute=True),
            "mean_contribution": mean(family, found), "share_of_accounts_first": 0.2,
            "top_features": [
                {"feature": name, "sentence": sentence, "mean_absolute_contribution": 0.01}
                for name, sentence, of, *_ in CARDS if of == family
            ],
        }
        for family in REASON_FAMILIES
    ]  # fmt: skip
    families.sort(key=lambda each: -float(str(each["mean_absolute_contribution"])))
    startups = [row for row in found if row["segment"] == "startup"]
    return {
        "as_of": f"{AS_OF:%Y-%m-%d}", "horizon": HEADLINE, "accounts": len(found), "grade": "associated",
        "mean_like_probability": 0.08, "share_of_accounts_where_one_stands_out": 0.7,
        "note": "Associated, not causes.", "families": families,
        "segments": [
            {"segment": "startup", "accounts": len(startups), "too_few": False, "mean_probability": 0.2,
             "mean_like_probability": 0.1,
             "families": [{"family": f, "mean_contribution": mean(f, startups)} for f in REASON_FAMILIES]},
            {"segment": "business", "accounts": 2, "too_few": True, "mean_probability": 0.3,
             "mean_like_probability": 0.1, "families": []},
        ],
    }  # fmt: skip


def _schema() -> pa.Schema:
    text, number = pa.string(), pa.float64()
    evidence = pa.struct([
        ("feature", text), ("sentence", text), ("unit", text), ("value", number), ("before", number),
        ("typical", number), ("said", text),
    ])  # fmt: skip
    reason = pa.struct([
        ("family", text), ("contribution", number), ("agreement", number), ("evidence", pa.list_(evidence)),
    ])  # fmt: skip
    return pa.schema([
        ("account_id", text), ("name", text), ("as_of", pa.timestamp("us")), ("segment", text), ("country", text),
        ("owner", text), ("mrr", number), ("currency", text), ("tenure_days", number),
        ("renews_at", pa.timestamp("us")), ("announced", text), ("notice", pa.bool_()), ("cause", text),
        *((f"p_{h}", number) for h in ENDS),
        *((f"p_voluntary_{h}", number) for h in ENDS),
        *((f"p_involuntary_{h}", number) for h in ENDS),
        *((name, number) for name in value_columns(no_value(1))),
        ("like_probability", number),
        *((f"probability_{f}", number) for f in REASON_FAMILIES),
        *((f"changed_{f}", number) for f in REASON_FAMILIES), ("changed_clock", number),
        ("top_features", pa.list_(pa.struct([("feature", text), ("family", text), ("contribution", number)]))),
        ("stands_out", pa.bool_()), ("reasons", pa.list_(reason)), ("reason_1", text), ("reason_2", text),
        ("model_version", text),
    ])  # fmt: skip


SCHEMA = _schema()
