"""Versions of the model: promotion and rollback with reasons, the history, and the two aliases."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trained_world import NOW
from undertow.features.errors import ModelRefusal
from undertow.features.settings import Settings
from undertow.training.bundle.bundle import Bundle
from undertow.training.evaluation.gate import Verdict
from undertow.training.evaluation.report import TrainReport
from undertow.training.registry.tracking import Registry, open_registry
from undertow.training.registry.versions import (
    Version,
    list_versions,
    promote,
    register_judged,
    roll_back,
    show_version,
)

BETTER, WORSE = Verdict(True, "It replaces the champion."), Verdict(False, "The champion stays.")
Add = Callable[..., int]


@pytest.fixture
def registry(copied: Settings) -> Registry:
    """The registry of a copy of the trained project: version 1 is champion."""
    return open_registry(copied)


@pytest.fixture
def add(registry: Registry, bundle: Bundle) -> Add:
    """Return a function that registers the trained bundle again, with a verdict, and returns its number."""

    def register(verdict: Verdict, text: str = "") -> int:
        with registry.start_run():
            return register_judged(registry, replace(bundle, version=text or bundle.version), lambda: verdict, NOW)[0]

    return register


def aliases(registry: Registry) -> dict[str, int]:
    return {alias: version.number for version in list_versions(registry) for alias in version.aliases}


def test_the_first_version_is_the_champion_by_training(registry: Registry, report: TrainReport) -> None:
    [version] = list_versions(registry)
    [move] = show_version(registry).history
    assert (version.number, version.aliases, version.run_id) == (report.number, ("champion",), report.run_id)
    assert (version.bundle, version.verdict) == (report.version, report.verdict.text)
    assert (move.version, move.before, move.how, move.reason) == (1, None, "training", report.verdict.text)
    assert move.at == "2024-07-02 04:00:00"


def test_a_version_that_was_not_promoted_is_the_challenger(registry: Registry, add: Add) -> None:
    add(WORSE)
    newest = add(WORSE)
    assert aliases(registry) == {"champion": 1, "challenger": newest}


def test_promoting_the_challenger_moves_both_aliases_and_keeps_the_reason(registry: Registry, add: Add) -> None:
    add(WORSE)
    add(WORSE)
    move = promote(registry, "challenger", "agreed with sales", NOW)
    assert (move.version, move.before, move.how) == (3, 1, "promote")
    assert aliases(registry) == {"champion": 3, "challenger": 2}
    assert show_version(registry, "3").history[-1].reason == "agreed with sales"
    with registry.opened() as client:
        tag = client.get_model_version(registry.name, "3").tags["champion.0002"]
    assert json.loads(tag)["reason"] == "agreed with sales"


def test_with_every_version_promoted_there_is_no_challenger(registry: Registry, add: Add) -> None:
    add(BETTER)
    assert aliases(registry) == {"champion": 2}


def test_two_rollbacks_lead_two_champions_back(registry: Registry, add: Add) -> None:
    add(BETTER)
    add(BETTER)
    assert roll_back(registry, "totals too high", NOW).version == 2
    assert roll_back(registry, "still too high", NOW).version == 1
    assert [(move.version, move.how) for move in show_version(registry).history] == [
        (1, "training"), (2, "training"), (3, "training"), (2, "rollback"), (1, "rollback"),
    ]  # fmt: skip
    with pytest.raises(ModelRefusal, match=r"nothing to roll back to: no champion before version 1"):
        roll_back(registry, "again", NOW)


def test_a_rollback_after_a_promotion_by_hand_returns_to_what_was_there(registry: Registry, add: Add) -> None:
    add(BETTER)
    promote(registry, "1", "to compare", NOW)
    assert roll_back(registry, "compared", NOW).version == 2


def test_a_champion_named_by_mlflow_itself_is_returned_to(registry: Registry, add: Add) -> None:
    add(WORSE)
    with registry.opened() as client:
        client.set_registered_model_alias(registry.name, "champion", "2")
    add(BETTER)
    assert roll_back(registry, "worse in use", NOW).version == 2


def test_a_champion_deleted_since_is_skipped_by_a_rollback(registry: Registry, add: Add) -> None:
    add(BETTER)
    add(BETTER)
    with registry.opened() as client:
        client.delete_model_version(registry.name, "2")
    assert roll_back(registry, "worse in use", NOW).version == 1


# --- refusals ----------------------------------------------------------------------------------


def test_an_unknown_version_is_refused_with_those_there_are(registry: Registry, add: Add) -> None:
    add(WORSE)
    with pytest.raises(ModelRefusal, match=r"no version '9' of the model; the newest are 2 = challenger, 1 = champion"):
        promote(registry, "9", "typo", NOW)


def test_the_champion_is_not_promoted_again(registry: Registry) -> None:
    with pytest.raises(ModelRefusal, match="Version 1 is the champion already"):
        promote(registry, "1", "twice", NOW)


def test_a_move_without_a_reason_is_refused(registry: Registry, add: Add) -> None:
    add(WORSE)
    with pytest.raises(ModelRefusal, match="A reason is expected"):
        promote(registry, "2", "  ", NOW)
    assert aliases(registry)["champion"] == 1


def bundle_file(registry: Registry, number: int) -> str:
    with registry.opened() as client:
        source = client.get_model_version(registry.name, str(number)).source
    [path] = registry.store.glob(f"mlartifacts/models/{source.removeprefix('models:/')}/**/bundle.json")
    return str(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format": 1}', r"is of format 1, this release reads \d+"),
        ('{"format": ', r"cannot be read: Expecting value.*`undertow train` again"),
        (None, "No bundle/bundle.json in"),
    ],
)
def test_a_version_that_cannot_be_read_does_not_become_champion(
    registry: Registry, add: Add, text: str | None, said: str
) -> None:
    path = Path(bundle_file(registry, add(WORSE)))
    if text is None:
        path.unlink()
    else:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelRefusal, match=said):
        promote(registry, "2", "better", NOW)
    assert aliases(registry) == {"champion": 1, "challenger": 2}


def test_without_a_model_all_is_refused_and_nothing_is_created(copied: Settings) -> None:
    fresh = open_registry(copied.model_copy(update={"store": copied.folder / "fresh"}))
    assert list_versions(fresh) == ()
    for job in (lambda: promote(fresh, "1", "x", NOW), lambda: roll_back(fresh, "x", NOW), lambda: show_version(fresh)):
        with pytest.raises(ModelRefusal, match=r"No model is registered yet\. Run `undertow train` first"):
            job()
    assert not fresh.store.exists()


# --- the champion changes while a verdict is taken ---------------------------------------------


def test_a_verdict_is_taken_again_where_the_champion_changed_meanwhile(
    registry: Registry, bundle: Bundle, add: Add
) -> None:
    add(WORSE)
    judged: list[int | None] = []

    def judge() -> Verdict:
        judged.append(registry.champion_number())
        if len(judged) == 1:
            promote(registry, "2", "meanwhile", NOW)
        return Verdict(len(judged) == 1, f"judged {len(judged)} times")

    with registry.start_run() as run_id:
        number, verdict = register_judged(registry, bundle, judge, NOW)
    assert judged == [1, 2]
    assert (verdict.promoted, verdict.text) == (False, "judged 2 times")
    assert aliases(registry) == {"champion": 2, "challenger": number}
    assert _version(registry, number).verdict == "judged 2 times"
    assert _version(registry, number).run_id == run_id


def _version(registry: Registry, number: int) -> Version:
    return next(version for version in list_versions(registry) if version.number == number)


def test_json_of_a_version_holds_no_number_that_json_lacks(registry: Registry) -> None:
    shown = show_version(registry).as_json()
    assert json.loads(json.dumps(shown, allow_nan=False))["history"][0]["how"] == "training"
