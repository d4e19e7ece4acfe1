"""[examples] describes every column of a file exactly once; whatever does not fit is named at once."""

from __future__ import annotations

import pytest

from undertow.features.catalogue.cards import definition_id
from undertow.features.catalogue.choose import FEATURES
from undertow.features.catalogue.given import (
    COMPUTED,
    OUR_COLUMNS,
    families_of,
    given_definition,
    given_features,
)
from undertow.features.errors import SettingsError
from undertow.features.settings.examples import ExampleColumns
from undertow.training.examples.encoding import ALWAYS
from undertow.training.value.spend import SPEND_COLUMNS

IDS = ("account_id", "as_of")


def test_a_name_goes_before_a_pattern() -> None:
    described = ExampleColumns(ux=("errors_*",), billing=("errors_paying",), ignore=("tmp_*",))
    found = families_of(described, [*IDS, "errors_7", "errors_paying", "tmp_1", "churned", "owner"])
    assert found == {"errors_7": "ux", "errors_paying": "billing"}


def test_the_inputs_of_periods_and_value_keep_their_cards() -> None:
    assert set(OUR_COLUMNS) == set(ALWAYS) and COMPUTED == SPEND_COLUMNS
    described = ExampleColumns(ux=("*",))
    families = families_of(described, [*IDS, "mrr", "in_dunning", "clicks"])
    assert families == {"mrr": "contract", "in_dunning": "billing", "clicks": "ux"}
    _, mrr, _, clicks = given_features(described, families, ())
    ours = next(card for card in FEATURES if card.name == "mrr")
    assert (mrr.sentence, mrr.unit, len(mrr.columns)) == (ours.sentence, ours.unit, 1)
    assert (clicks.sentence, clicks.unit, clicks.feeds) == ("Clicks", "score", True)


def test_a_given_column_has_another_definition_than_a_computed_one() -> None:
    [given] = [card for card in given_features(ExampleColumns(), {"mrr": "contract"}, ()) if card.name == "mrr"]
    assert definition_id(given) == given_definition("mrr")
    assert definition_id(given) not in {definition_id(card) for card in FEATURES}


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({}, r"No family names clicks, plan. Say what each measures: ux = "),
        ({"ux": ["clicks", "plan", "clics"]}, "ux names 'clics': the file has no such column. Did you mean 'clicks'"),
        ({"ux": ["clicks", "plan", "x_*"]}, r"ux names 'x_\*': no column of the file matches"),
        ({"ux": ["clicks", "plan"], "cx": ["clicks"]}, "'clicks' is named more than once, under ux and cx"),
        ({"ux": ["clicks", "clicks", "plan"]}, "'clicks' is named more than once, under ux and ux"),
        ({"ux": ["c*", "plan"], "cx": ["cl*"]}, "'clicks' is named more than once, under ux and cx"),
        ({"ux": ["clicks", "plan"], "ignore": ["plan"]}, "'plan' is named under ux and under ignore"),
        ({"ux": ["clicks", "plan", "owner"]}, "ux names 'owner', a column of fixed meaning"),
        ({"ux": ["clicks", "plan", "mrr"]}, r"ux names 'mrr', which keeps the family of its card \(contract\)"),
        ({"ux": ["clicks", "plan"], "units": {"clicks": "tons"}}, "unknown unit 'tons'; expected one of: count"),
        ({"ux": ["clicks", "plan"], "good": {"clic": "low"}}, "good names 'clic': the file has no such column"),
        ({"ux": ["clicks", "plan"], "sentences": {"plan": "the plan."}}, "expected a capital letter"),
        ({"ux": ["clicks", "plan"], "units": {"mrr": "count"}}, "units names 'mrr', whose meaning is fixed"),
        ({"ux": ["clicks", "plan"], "deviates": ["clicks"]}, 'a distance has a better side: say "high" or "low"'),
    ],
)
def test_what_does_not_fit_is_named(described: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        families_of(ExampleColumns.model_validate(described), [*IDS, "mrr", "owner", "clicks", "plan"])


@pytest.mark.parametrize("name", ["period_1", "profile_x", "notice", "expected_spend", "2nd", "a b", "undertow_x"])
def test_a_name_that_cannot_be_a_feature_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"'{name}' (is a name that Undertow uses|cannot be the name)"):
        families_of(ExampleColumns(ux=(name,)), [*IDS, name])


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        families_of(ExampleColumns(ux=("x",), good={"y": "low"}), [*IDS, "clicks"])
    assert all(text in str(refused.value) for text in ("'x'", "'y'", "clicks"))


def test_a_text_with_another_unit_is_refused() -> None:
    with pytest.raises(SettingsError, match="'plan' holds texts, and its unit is \"count\""):
        given_features(ExampleColumns(units={"plan": "count"}), {"plan": "contract"}, {"plan"})
