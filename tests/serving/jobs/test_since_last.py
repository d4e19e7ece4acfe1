"""What moved since the list before: it adds up, accounts come and go, and what cannot be compared is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.lists_by_hand import BEFORE, DECEMBER, JANUARY, publish_compared, publish_two
from tests.serving.published_by_hand import PEOPLE, feature_rows
from tests.trained_world import NOW
from tests.training.bundle.by_hand import bundle_by_hand, random_rows
from undertow.features.settings import Settings
from undertow.serving.jobs.score import score
from undertow.serving.jobs.since_last import FIRST, NO_FEATURES, PARTS, since_last, split
from undertow.serving.published.history.files import publications
from undertow.serving.published.run_files import SCORES, read_table
from undertow.serving.published.scores import PublishedScores
from undertow.training.bundle.bundle import Bundle, with_content_version
from undertow.training.evaluation.gate import Verdict
from undertow.training.registry.tracking import open_registry
from undertow.training.registry.versions import register_judged

NUMBERS = ("error_rate_30", "tickets_open", "failed_payments_30", "active_days_30", "tenure_days")
BUNDLE = bundle_by_hand()


def other_model(levels: list[float], slope: float, season: float) -> Bundle:
    """Another model over the same columns: other intercepts, other slopes, another season."""
    voluntary, involuntary = BUNDLE.causes
    assert voluntary.linear is not None and involuntary.linear is not None
    linear = replace(voluntary.linear, intercept=np.array(levels), lasting=slope * voluntary.linear.lasting)
    changed = replace(voluntary, linear=linear, season=replace(voluntary.season, cosine=season))
    forced = replace(involuntary, linear=replace(involuntary.linear, recent=slope * involuntary.linear.recent))
    return replace(BUNDLE, version="other", causes=(changed, forced))


def by_id(table: pa.Table) -> dict[str, dict[str, object]]:
    return {str(row["account_id"]): row for row in table.to_pylist()}


def total(row: dict[str, object]) -> float:
    return sum(float(str(row[f"moved_{part}"])) for part in PARTS)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    seeds=st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)),
    levels=st.lists(st.floats(-3, 1), min_size=5, max_size=5),
    slope=st.floats(-2, 3),
    season=st.floats(-1, 1),
    blanked=st.sampled_from((None, *NUMBERS)),
)
def test_model_clock_and_families_add_up_to_what_moved(
    seeds: tuple[int, int], levels: list[float], slope: float, season: float, blanked: str | None
) -> None:
    rows, earlier = random_rows(8, seeds[0]), random_rows(10, seeds[1]).slice(2)
    newer = other_model(levels, slope, season)
    if blanked:
        place = earlier.column_names.index(blanked)
        earlier = earlier.set_column(place, blanked, pa.nulls(earlier.num_rows, pa.float64()))
    then = dict(zip(earlier["account_id"].to_pylist(), BUNDLE.probability(earlier)[:, 2], strict=True))
    before = np.array([then.get(account, np.nan) for account in rows["account_id"].to_pylist()])
    found = split(newer, rows, before, earlier)
    parts = np.column_stack([found[f"moved_{part}"].to_numpy(zero_copy_only=False) for part in PARTS])
    moved = newer.probability(rows)[:, 2] - before
    assert np.isnan(parts).all(axis=1).tolist() == np.isnan(before).tolist() == [True] * 2 + [False] * 6
    assert np.abs(parts.sum(axis=1) - moved)[2:].max() < 1e-9


def test_with_the_same_model_nothing_is_the_models(tmp_path: Path, bundle: Bundle) -> None:
    publish_two(tmp_path, bundle)
    rows = by_id(read_table(tmp_path / "scores" / f"{JANUARY:%Y-%m-%d}-run", SCORES))
    for account in ("A-00042", "kunde 7/b"):
        assert rows[account]["moved_model"] == pytest.approx(0, abs=1e-12)
        assert total(rows[account]) == pytest.approx(rows[account]["moved"], abs=1e-9)
    assert float(str(rows["A-00042"]["moved_ux"])) > 0.01 < float(str(rows["A-00042"]["moved_billing"]))


def test_with_the_same_rows_all_but_the_clock_is_the_models(tmp_path: Path, bundle: Bundle) -> None:
    publish_compared(tmp_path, bundle, DECEMBER, PEOPLE)
    publish_compared(tmp_path, other_model([0.5] * 5, 1.0, 0.1), JANUARY, PEOPLE)
    rows = by_id(read_table(tmp_path / "scores" / f"{JANUARY:%Y-%m-%d}-run", SCORES))
    row = rows["A-00042"]
    assert float(str(row["moved_model"])) > 0.01
    assert [row[f"moved_{family}"] for family in ("ux", "cx", "billing", "usage")] == pytest.approx([0] * 4, abs=1e-12)


def test_accounts_come_and_go_and_those_that_went_are_counted_by_book(tmp_path: Path, bundle: Bundle) -> None:
    found = publish_two(tmp_path, bundle)
    rows = by_id(read_table(tmp_path / "scores" / f"{JANUARY:%Y-%m-%d}-run", SCORES))
    assert {account for account, row in rows.items() if row["is_new"]} == {"zero"}
    assert rows["zero"]["moved"] is None and rows["zero"]["previous_probability"] is None
    assert found.said is not None
    gone = found.said["gone"]
    assert isinstance(gone, list) and [(book["owner"], book["accounts"]) for book in gone] == [("Tom Okafor", 1)]
    then = by_id(read_table(tmp_path / "scores" / f"{DECEMBER:%Y-%m-%d}-run", SCORES))
    assert gone[0]["value_at_risk"] == then["gone"]["value_at_risk"]
    value = float(str(rows["A-00042"]["value_at_risk"])) - float(str(then["A-00042"]["value_at_risk"]))
    assert rows["A-00042"]["value_at_risk_moved"] == pytest.approx(value)
    assert found.notes[-1] == (
        "Compared with the list of 2024-12-31 (2025-01-31-tiny): 1 accounts are new, 1 left, of which 0 had given "
        "notice."
    )


def test_the_first_list_says_that_there_is_nothing_to_compare_with(tmp_path: Path, bundle: Bundle) -> None:
    found = publish_compared(tmp_path, bundle, DECEMBER, BEFORE)
    assert (found.said, found.notes) == (None, (FIRST,))
    assert all(column.null_count == len(column) for column in found.columns.values())


def test_a_day_published_again_is_compared_with_the_newest_list_of_an_earlier_day(
    tmp_path: Path, bundle: Bundle
) -> None:
    publish_compared(tmp_path, bundle, DECEMBER, PEOPLE, "first")
    publish_compared(tmp_path, bundle, DECEMBER, BEFORE, "second")
    for run in ("a", "b", "c", "d"):  # more than are kept of other versions
        found = publish_compared(tmp_path, bundle, JANUARY, PEOPLE, run)
        assert found.said is not None and found.said["run_id"] == "2024-12-31-second"
        assert (found.said["why_not"], found.said["same_as_of"]) == (None, False)


def test_where_there_is_only_the_same_day_it_is_compared_with_that_and_said(tmp_path: Path, bundle: Bundle) -> None:
    publish_compared(tmp_path, bundle, JANUARY, BEFORE, "a")
    found = publish_compared(tmp_path, bundle, JANUARY, PEOPLE, "b")
    assert found.said is not None and (found.said["run_id"], found.said["same_as_of"]) == ("2025-01-31-a", True)
    assert "of the same as_of, as there is none of an earlier one" in found.notes[-1]


def test_without_the_features_of_that_list_the_total_is_known_and_its_parts_are_not(
    tmp_path: Path, bundle: Bundle
) -> None:
    publish_compared(tmp_path, bundle, DECEMBER, BEFORE)
    (tmp_path / "scores" / "2024-12-31-run" / "features.parquet").unlink()
    found = publish_compared(tmp_path, bundle, JANUARY, PEOPLE)
    assert found.said is not None and found.said["why_not"] == NO_FEATURES
    assert found.notes[-1] == f"Why scores moved since then is not known: {NO_FEATURES}."
    assert found.columns["moved"].null_count == 1
    assert found.columns["moved_model"].null_count == found.columns["moved_ux"].null_count == len(PEOPLE)


def with_column(bundle: Bundle, **changed: object) -> Bundle:
    first, *others = bundle.columns
    return replace(bundle, columns=(replace(first, **changed), *others))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "why_not"),
    [
        ({"definition_id": "another"}, "the model reads error_rate_30, which was defined otherwise then"),
        ({"name": "error_rate_7"}, "the model reads error_rate_7, which that list was not scored from"),
    ],
)
def test_rows_that_mean_something_else_are_not_scored_again(
    tmp_path: Path, bundle: Bundle, change: dict[str, object], why_not: str
) -> None:
    publish_compared(tmp_path, bundle, DECEMBER, BEFORE)
    newer, rows = with_column(bundle, **change), feature_rows(PEOPLE, JANUARY)
    if "name" in change:
        rows = rows.append_column("error_rate_7", rows["error_rate_30"])
    this = {"run_id": "x", "as_of": "2025-01-31", "currency": "EUR", "value_months": 12}
    found = since_last(tmp_path / "scores", tmp_path / "history", newer, rows, newer.score(rows), this, 400)
    assert found.said is not None and found.said["why_not"] == why_not
    assert (found.columns["moved"].null_count, found.columns["moved_clock"].null_count) == (1, len(PEOPLE))


def test_values_in_another_currency_are_not_compared(tmp_path: Path, bundle: Bundle) -> None:
    publish_compared(tmp_path, bundle, DECEMBER, BEFORE)
    rows = feature_rows(PEOPLE, JANUARY)
    this = {"run_id": "x", "as_of": "2025-01-31", "currency": "USD", "value_months": 12}
    found = since_last(tmp_path / "scores", tmp_path / "history", bundle, rows, bundle.score(rows), this, 400)
    assert found.columns["value_at_risk_moved"].null_count == len(PEOPLE)
    assert found.said is not None and not found.said["values_compared"] and found.columns["moved"].null_count == 1


def test_a_damaged_history_stops_nothing_and_is_named(tmp_path: Path, bundle: Bundle) -> None:
    publish_compared(tmp_path, bundle, DECEMBER - timedelta(days=31), BEFORE)
    publish_compared(tmp_path, bundle, DECEMBER, BEFORE)
    (tmp_path / "scores" / "2024-12-31-run" / "features.parquet").unlink()
    broken = publications(tmp_path / "history")[-1].path
    broken.write_bytes(b"PAR1 nothing else")
    found = publish_compared(tmp_path, bundle, JANUARY, PEOPLE)
    assert found.notes[0] == f"history/{broken.name} cannot be read and is passed over; remove it if it stays so."
    assert found.said is not None and found.said["as_of"] == "2024-11-30"
    assert broken.read_bytes() == b"PAR1 nothing else"


def test_a_list_of_an_earlier_release_is_added_to_the_history_and_compared_with(
    tmp_path: Path, bundle: Bundle, publish_scores: Callable[..., Path]
) -> None:
    publish_scores(tmp_path, "before")  # of 31 January, without a history
    assert publications(tmp_path / "history") == []
    found = publish_compared(tmp_path, bundle, datetime(2025, 2, 28), PEOPLE)
    assert [each.run_id for each in publications(tmp_path / "history")] == ["before", "2025-02-28-run"]
    assert found.said is not None and found.said["run_id"] == "before"


# --- two publications of the simulated business, with another model ---


def register_another_model(settings: Settings) -> None:
    """Make a model champion that differs from the trained one in the slopes of its regression and in its levels."""
    registry = open_registry(settings)
    champion = registry.champion()
    assert champion is not None
    voluntary, involuntary = champion.bundle.causes
    assert voluntary.linear is not None
    linear = replace(voluntary.linear, lasting=1.3 * voluntary.linear.lasting)
    causes = (
        replace(voluntary, linear=linear, constant=tuple(each + 0.2 for each in voluntary.constant)),
        replace(involuntary, constant=tuple(each + 0.2 for each in involuntary.constant)),
    )
    another = with_content_version(replace(champion.bundle, causes=causes))
    with registry.start_run():
        register_judged(registry, another, lambda: Verdict(True, "Another."), NOW + timedelta(hours=1))


def test_two_real_lists_with_another_model_between_add_up(copied: Settings) -> None:
    score(copied, NOW, datetime(2024, 6, 1), replace_newer=True)
    register_another_model(copied)
    report = score(copied, NOW + timedelta(hours=2))
    published = PublishedScores.open(report.folder)
    table, previous = published.table, published.manifest["previous"]
    assert previous["as_of"] == "2024-06-01" and previous["model_version"] != report.model_version
    assert previous["why_not"] is None
    known = [row for row in table.to_pylist() if row["moved_model"] is not None]
    assert len(known) == table.num_rows - table["is_new"].combine_chunks().true_count > 100
    assert max(abs(total(row) - row["moved"]) for row in known) < 1e-9
    assert max(abs(row["p_90"] - row["previous_probability"] - row["moved"]) for row in known) < 1e-15
    assert max(abs(row["moved_model"]) for row in known) > 1e-4
    assert [each.as_of.isoformat() for each in publications(copied.store_path("history"))] == [
        "2024-06-01", "2024-07-01", "2024-07-01"
    ]  # fmt: skip
