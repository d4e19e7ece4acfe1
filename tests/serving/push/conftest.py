"""A published list written by hand, a project with destinations, and servers that stand for the vendors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.serving.push.vendors import Vendor, serving
from undertow.features.settings import Settings, make_settings
from undertow.serving.published.scores import PublishedScores
from undertow.serving.push.push import PushReport, chosen, push

NOW = datetime(2025, 2, 1, 5)
EMAIL = "mira@nordwind.example"
# account_id, name, owner, probability in 90 days, value at risk, reason, id in the CRM
ROWS = (
    ("A-1", "Nordwind <GmbH>", "Mara", 0.62, 5974.125, f"cx: asked by {EMAIL}; <!channel> tickets open: 3", "501"),
    ("O'Neil", "Bluebird", "Tom", 0.41, 900.0, "ux: error rate 12 %", "502"),
    ("A-3", "Grün & Söhne", "Mara", 0.05, 120.5, None, None),
)


def run(
    rows: tuple[tuple[Any, ...], ...] = ROWS, run_id: str = "2025-01-31-a", as_of: str = "2025-01-31"
) -> PublishedScores:
    """Return a published list of these accounts, in this order."""
    ids, names, owners, probability, at_risk, reasons, crm = zip(*rows, strict=True)
    many = len(ids)
    table = pa.table({
        "account_id": pa.array(ids), "name": pa.array(names), "owner": pa.array(owners),
        "as_of": pa.array([datetime.fromisoformat(as_of)] * many, pa.timestamp("us")),
        "carried_hubspot_id": pa.array(crm, pa.string()), "carried_email": pa.array([EMAIL] * many),
        "currency": ["EUR"] * many, "cause": ["voluntary"] * many,
        "p_30": pa.array([each / 2 for each in probability]), "p_90": pa.array(probability, pa.float64()),
        "value_at_risk": pa.array(at_risk, pa.float64()), "reason_1": pa.array(reasons, pa.string()),
        "reason_2": pa.nulls(many, pa.string()), "model_version": ["v7"] * many,
        "contact_value": pa.array([None if each is None else each / 5 - 20 for each in at_risk], pa.float64()),
        "contact": ["recommended"] * many, "action": ["Call"] * many, "action_by": ["the owner"] * many,
        "action_due": pa.array([datetime.fromisoformat(as_of) + timedelta(days=7)] * many, pa.timestamp("us")),
    })  # fmt: skip
    manifest = {"run_id": run_id, "as_of": as_of, "published_at": "2025-02-01T04:00:00Z", "model_version": "v7",
                "headline": 90, "horizons": [30, 90], "currency": "EUR", "accounts": many}  # fmt: skip
    return PublishedScores(Path("run"), manifest, {}, {}, {}, table, {each: i for i, each in enumerate(ids)})


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, in seconds; none is waited for."""
    made: list[float] = []
    monkeypatch.setattr("undertow.serving.push.http.sleep", made.append)
    return made


@pytest.fixture
def served() -> Iterator[Callable[[Vendor], Vendor]]:
    """Return a function that serves a vendor until the end of the test."""
    with ExitStack() as stack:

        def serve(vendor: Vendor) -> Vendor:
            stack.enter_context(serving(vendor))
            return vendor

        yield serve


Push = Callable[..., PushReport]


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., Settings]:
    """Return a function that makes settings with one destination."""

    def make(**destination: Any) -> Settings:
        carry = {"carry": ["hubspot_id", "email"]}
        return make_settings(tmp_path, {"accounts": carry, "destinations": {"there": destination}})

    return make


@pytest.fixture
def pushed(settings_of: Callable[..., Settings]) -> Push:
    """Return a function that pushes a list to a destination."""

    def push_to(published: PublishedScores | None = None, dry_run: bool = False, **destination: Any) -> PushReport:
        settings = settings_of(**destination)
        [report] = push(settings, chosen(settings, ()), published or run(), NOW, dry_run)
        return report

    return push_to
