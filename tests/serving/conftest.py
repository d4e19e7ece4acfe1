"""A tiny published store: six accounts that fit in the head, and a model small enough to train here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.applications import Starlette

from tests.training.bundle.by_hand import CARDS, ENDS, HEADLINE, bundle_by_hand
from undertow.features.catalogue.cards import FAMILIES
from undertow.features.connectors import write_project
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.features.simulator import simulate
from undertow.features.versions import publish
from undertow.serving.api.app import make_app
from undertow.training.bundle.bundle import Bundle
from undertow.training.train import train

SMALL = "\n[training]\ntrees = 60\nseeds = 2\nbootstrap = 20\nmin_churners = 5\n"
AS_OF = datetime(2025, 1, 31)
Row = dict[str, Any]

# account_id, name, owner, segment, error rate, open tickets, failed payments, active days, mrr
PEOPLE: tuple[tuple[Any, ...], ...] = (
    ("A-00042", "Nordwind Logistik GmbH", "Mara Lindqvist", "business", 0.12, 3.0, 2.0, 4.0, 4200.0),
    ("A-00007", "Bluebird Analytics", "Tom Okafor", "startup", 0.01, 0.0, 0.0, 22.0, 900.0),
    ("kunde 7/b", "Grün & Söhne", "Mara Lindqvist", "business", 0.03, None, 0.0, 15.0, 2500.0),
    ("<b>x</b>", "<script>alert('x')</script>", None, "startup", None, 1.0, 3.0, 2.0, 1200.0),
    ("日本-1", "=HYPERLINK(\"http://x.example\")", "@owner", None, 0.02, 0.0, 0.0, 9.0, 300.0),
    ("zero", None, "Tom Okafor", "startup", 0.0, 0.0, 0.0, 30.0, 0.0),
)  # fmt: skip


@pytest.fixture(scope="session")
def with_champion(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A simulated business of 300 accounts over 18 months, with a small champion."""
    folder = tmp_path_factory.mktemp("with-champion")
    simulate("tiny", folder / "data", seed=5)
    write_project("demo", folder / "data", folder)
    with (folder / FILE_NAME).open("a", encoding="utf-8") as file:
        file.write(SMALL)
    settings = load_settings(folder)
    train(settings, datetime(2024, 7, 2, 4))
    return settings


@pytest.fixture(scope="session")
def people() -> tuple[tuple[Any, ...], ...]:
    """The tiny accounts: id, name, owner, segment, errors, tickets, failed payments, active days, MRR."""
    return PEOPLE


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """The bundle trained by hand."""
    return bundle_by_hand()


@pytest.fixture(scope="session")
def publish_scores(bundle: Bundle) -> Callable[..., Path]:
    """Publish the tiny accounts, or `people`, into a store folder under a run id."""

    def publish_into(store: Path, run_id: str = "run-1", people: tuple[tuple[Any, ...], ...] = PEOPLE) -> Path:
        return publish(store / "scores", run_id, lambda folder: _write(folder, run_id, bundle, people))

    return publish_into


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, publish_scores: Callable[..., Path]) -> Path:
    """A store with the tiny accounts published."""
    folder = tmp_path_factory.mktemp("store")
    publish_scores(folder)
    return folder


class Client:
    """Calls an app in this process, request by request; `app` may be any ASGI app."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    async def send(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Send one request from inside a running loop."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return await http.request(method, url, **more)

    def get(self, url: str, **more: Any) -> httpx.Response:
        """Send a GET."""
        return asyncio.run(self.send("GET", url, **more))

    def post(self, url: str, **more: Any) -> httpx.Response:
        """Send a POST."""
        return asyncio.run(self.send("POST", url, **more))


@pytest.fixture(scope="session")
def make_client() -> Callable[[Starlette], Client]:
    """Return what makes a client of an app."""
    return Client


@pytest.fixture(scope="session")
def client(store: Path) -> Client:
    """A client of the app over the tiny store."""
    return Client(make_app(store))


def feature_rows(people: tuple[tuple[Any, ...], ...]) -> pa.Table:
    """Return the features of the tiny accounts as they are published."""
    ids, _, _, segments, errors, tickets, failed, active, mrr = zip(*people, strict=True)
    numbers = {
        "error_rate_30": errors,
        "tickets_open": tickets,
        "failed_payments_30": failed,
        "active_days_30": active,
        "mrr": mrr,
        "tenure_days": [100.0 + 40 * i for i in range(len(ids))],
        "days_to_renewal": [None if i % 3 == 2 else 20.0 + 30 * i for i in range(len(ids))],
        "term_months": [12.0] * len(ids),
    }
    return pa.table({
        "account_id": pa.array(ids),
        "as_of": pa.array([AS_OF] * len(ids), pa.timestamp("us")),
        **{name: pa.array(values, pa.float64()) for name, values in numbers.items()},
        "segment": pa.array(segments, pa.string()),
    })  # fmt: skip


@pytest.fixture(scope="session")
def published_features() -> Callable[[Path, str], Row]:
    """Return a function that gives the features from which an account of a published run was scored."""

    def features_of(run: Path, account_id: str) -> Row:
        rows = pq.read_table(run / "features.parquet").drop_columns(["as_of"]).to_pylist()
        return next(row for row in rows if row["account_id"] == account_id)

    return features_of


def _write(folder: Path, run_id: str, bundle: Bundle, people: tuple[tuple[Any, ...], ...]) -> None:
    rows = feature_rows(people)
    found = sorted(_scores(rows, bundle, people), key=lambda row: -row["value_at_risk"])
    pq.write_table(pa.Table.from_pylist(found, SCHEMA), folder / "scores.parquet")
    pq.write_table(rows, folder / "features.parquet")
    bundle.save(folder / "bundle")
    manifest = {
        "run_id": run_id, "as_of": f"{AS_OF:%Y-%m-%d}", "published_at": "2025-02-01T04:00:00",
        "model_version": bundle.version, "accounts": len(people), "horizons": list(ENDS), "headline": HEADLINE,
        "currency": "EUR", "value_months": 12, "families": list(FAMILIES),
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "drivers.json").write_text(json.dumps(_drivers(found)))


def _scores(rows: pa.Table, bundle: Bundle, people: tuple[tuple[Any, ...], ...]) -> list[Row]:
    scores = bundle.score(rows)
    return [
        {
            "account_id": person[0], "name": person[1], "as_of": AS_OF, "segment": person[3], "country": "DE",
            "owner": person[2], "mrr": person[8], "currency": "EUR", "tenure_days": rows["tenure_days"][i].as_py(),
            "renews_at": None if i % 3 == 2 else AS_OF + timedelta(days=20 + 30 * i),
            "cause": ("voluntary", "involuntary")[int(scores.by_cause[i, 2].argmax())],
            **{f"p_{h}": scores.probability[i, k] for k, h in enumerate(ENDS)},
            **{f"p_voluntary_{h}": scores.by_cause[i, k, 0] for k, h in enumerate(ENDS)},
            **{f"p_involuntary_{h}": scores.by_cause[i, k, 1] for k, h in enumerate(ENDS)},
            "clv": scores.clv[i], "clv_if_kept": scores.clv_if_kept[i], "value_at_risk": scores.value_at_risk[i],
            "baseline_probability": scores.baseline_probability, "baseline_log_odds": scores.baseline_log_odds,
            **{f"probability_{f}": scores.probability_by_family[i, k] for k, f in enumerate(FAMILIES)},
            **{f"log_odds_{f}": scores.log_odds_by_family[i, k] for k, f in enumerate(FAMILIES)},
            "top_features": [
                dict(zip(("feature", "family", "contribution"), each, strict=True))
                for each in bundle.top_features(scores, i)
            ],
            "reasons": (reasons := _reasons(person, scores.probability_by_family[i])),
            **{f"reason_{n + 1}": _line(reasons, n) for n in range(2)},
            "model_version": bundle.version,
        }
        for i, person in enumerate(people)
    ]  # fmt: skip


def _reasons(person: tuple[Any, ...], by_family: np.ndarray) -> list[Row]:
    shown = {
        "ux": ("error_rate_30", "Errors per page view", "share", person[4], 0.032, 0.014),
        "cx": ("tickets_open", "Tickets still open", "count", person[5], 0.0, 0.0),
        "billing": ("failed_payments_30", "Payment attempts that failed", "count", person[6], None, 0.0),
        "usage": ("active_days_30", "Days with a session", "days", person[7], 18.0, 16.0),
    }
    told = {
        "ux": "errors on {0:.0%} of page views in the last 30 days (typical: 1.4 %)",
        "cx": "{0:.0f} tickets still open (typical: 0)",
        "billing": "{0:.0f} payment attempts failed in the last 30 days (typical: 0)",
        "usage": "active on {0:.0f} of the last 30 days (typical: 16)",
    }
    pairs = zip(FAMILIES, by_family, strict=True)
    raising = [(float(share), family) for family, share in pairs if family in shown and share > 0]
    names = ("feature", "sentence", "unit", "value", "before", "typical")
    reasons = []
    for share, family in sorted(raising, reverse=True)[:2]:
        evidence = dict(zip(names, shown[family], strict=True))
        said = "unknown" if evidence["value"] is None else told[family].format(evidence["value"])
        told_by = [{**evidence, "said": said}]
        reasons.append({"family": family, "contribution": share, "agreement": 0.8, "evidence": told_by})
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
                for name, sentence, of, _, _ in CARDS if of == family
            ],
        }
        for family in FAMILIES
    ]  # fmt: skip
    families.sort(key=lambda each: -float(str(each["mean_absolute_contribution"])))
    startups = [row for row in found if row["segment"] == "startup"]
    return {
        "as_of": f"{AS_OF:%Y-%m-%d}", "horizon": HEADLINE, "accounts": len(found), "grade": "associated",
        "note": "Associated, not causes.", "families": families,
        "segments": [
            {"segment": "startup", "accounts": len(startups), "mean_probability": 0.2,
             "families": [{"family": family, "mean_contribution": mean(family, startups)} for family in FAMILIES]},
            {"segment": "business", "accounts": 2, "too_few": True},
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
        ("renews_at", pa.timestamp("us")), ("cause", text),
        *((f"p_{h}", number) for h in ENDS),
        *((f"p_voluntary_{h}", number) for h in ENDS),
        *((f"p_involuntary_{h}", number) for h in ENDS),
        ("clv", number), ("clv_if_kept", number), ("value_at_risk", number),
        ("baseline_probability", number), ("baseline_log_odds", number),
        *((f"probability_{f}", number) for f in FAMILIES),
        *((f"log_odds_{f}", number) for f in FAMILIES),
        ("top_features", pa.list_(pa.struct([("feature", text), ("family", text), ("contribution", number)]))),
        ("reasons", pa.list_(reason)), ("reason_1", text), ("reason_2", text), ("model_version", text),
    ])  # fmt: skip


SCHEMA = _schema()
