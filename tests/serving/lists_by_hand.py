"""Several lists of the tiny accounts, published one after the other as the scoring job does it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tests.serving.published_by_hand import PEOPLE, People, feature_rows, write_by_hand
from undertow.features.publishing.versions import publish
from undertow.serving.jobs.since_last import SinceLast, since_last
from undertow.serving.published.history.files import keep
from undertow.serving.published.run_files import MANIFEST, SCORES, read_json, read_table
from undertow.training.bundle.bundle import Bundle

DECEMBER, JANUARY = datetime(2024, 12, 31), datetime(2025, 1, 31)
# In December, A-00042 met few errors and had paid; "zero" was not there yet, and "gone" had not left.
BEFORE: People = (
    ("A-00042", "Nordwind Logistik GmbH", "Mara Lindqvist", "business", 0.02, 1.0, 0.0, 14.0, 4200.0),
    *PEOPLE[1:5],
    ("gone", "Gone & Co", "Tom Okafor", "startup", 0.09, 2.0, 1.0, 3.0, 700.0),
)


def publish_compared(
    store: Path, bundle: Bundle, as_of: datetime, people: People, run: str = "run", days: int = 400
) -> SinceLast:
    """Publish a list, compared with the one before, and keep it in the history."""
    scores, history, run_id = store / "scores", store / "history", f"{as_of:%Y-%m-%d}-{run}"
    this = {"run_id": run_id, "as_of": f"{as_of:%Y-%m-%d}", "currency": "EUR", "value_months": 12}
    rows = feature_rows(people, as_of)
    found = since_last(scores, history, bundle, rows, bundle.score(rows), this, days)

    def write(folder: Path) -> None:
        write_by_hand(folder, run_id, bundle, people, as_of, found)

    folder = publish(scores, run_id, write, spared=found.spared)
    keep(history, read_table(folder, SCORES), read_json(folder, MANIFEST), days)
    return found


def publish_two(store: Path, bundle: Bundle, newer: Bundle | None = None) -> SinceLast:
    """Publish December's list and January's; `newer`: the model of January."""
    publish_compared(store, bundle, DECEMBER, BEFORE)
    return publish_compared(store, newer or bundle, JANUARY, PEOPLE)
