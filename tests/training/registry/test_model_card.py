"""The model card: every part is there, with the numbers of the report and the definitions of the features."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from undertow.features.settings import Settings
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.report import TrainReport
from undertow.training.evaluation.tuning.report import TuningReport
from undertow.training.registry.model_card import FILE, model_card
from undertow.training.registry.tracking import open_registry
from undertow.training.registry.versions import show_version


@pytest.fixture(scope="module")
def card(world: Settings, bundle: Bundle, report: TrainReport) -> str:
    return model_card(world, bundle, bundle, report, {"data_fingerprint": "abc", "lock_hash": "none"})


def test_the_card_has_every_part(card: str, bundle: Bundle) -> None:
    assert card.startswith(f"# Model card: demo, bundle {bundle.version}\n")
    assert re.findall(r"^## (.+)$", card, flags=re.M) == [
        "Window", "Population", "Definition of churn", "Results on the held-out test", "Notes", "Leakage", "Limits",
        "Provenance", "Features",
    ]  # fmt: skip


def test_the_window_and_the_population_are_those_of_the_report(card: str, report: TrainReport) -> None:
    assert f"Held-out test at {report.dates.test[0]:%Y-%m-%d}." in card
    learned = report.learned
    assert f"of {learned['train_accounts']:,} accounts, of which {learned['train_churners']:,} left" in card
    assert "does not return within 30 days of grace" in card
    assert "- data fingerprint: abc" in card


def test_a_model_that_was_fitted_again_is_told_from_the_one_that_was_judged(
    world: Settings, bundle: Bundle, report: TrainReport
) -> None:
    served = replace(bundle, version="again", trained_until="2024-07-01")
    card = model_card(world, served, bundle, report, {})
    assert card.startswith("# Model card: demo, bundle again\n")
    assert f"with what was known on {bundle.trained_until}." in card
    assert "The served bundle again was fitted again by the same recipe, on what was known on 2024-07-01" in card
    assert f"the results below are of bundle {bundle.version}." in card


def test_every_result_and_its_baselines_stand_in_the_table_with_intervals(card: str, report: TrainReport) -> None:
    for result in report.results:
        auroc = result.metrics["auroc"]
        line = f"| {result.model} | {result.horizon} | {auroc.value:.3f} ({auroc.low:.3f} to {auroc.high:.3f}) |"
        assert line in card


def test_every_feature_has_its_definition_and_whether_the_model_reads_it(card: str, bundle: Bundle) -> None:
    listed = dict(re.findall(r"^\| (\w+) \| .* \| (yes)? ?\| \w+ \|$", card, flags=re.M))
    assert set(listed) - {"Column"} == {column.name for column in bundle.columns}
    assert {name for name, read in listed.items() if read} == set(bundle.needed) - {"as_of"}
    assert all(f"| {column.definition_id} |" in card for column in bundle.columns)


def test_notes_and_results_by_segment_are_in_the_card(world: Settings, bundle: Bundle, report: TrainReport) -> None:
    by_segment = {"large | loud": report.results[0]}
    found = model_card(world, bundle, bundle, replace(report, by_segment=by_segment), {})
    assert all(f"- {note}" in found for note in report.notes)
    assert "| large \\| loud |" in found and "## Results by segment" in found


def test_tuning_is_in_the_card_where_there_was_any(world: Settings, bundle: Bundle, report: TrainReport) -> None:
    tuning = TuningReport(30, 7, 0.2011, 0.2017, {"num_leaves": 1.5}, why_not="Not surely better.")
    found = model_card(world, bundle, bundle, replace(report, tuning=tuning), {})
    assert "## Tuning\n- 30 trials; the tuned settings are not used.\n- num_leaves: its default times 1.500\n" in found


def test_the_card_of_a_training_is_shown_with_its_version(world: Settings, report: TrainReport) -> None:
    shown = show_version(open_registry(world))
    assert FILE == "model_card.md"
    assert f"bundle {report.version}" in shown.card.splitlines()[0]
    assert "code hash: " in shown.card and "lock hash: " in shown.card
