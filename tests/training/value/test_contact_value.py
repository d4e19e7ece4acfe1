"""What a contact is worth, whose save rate and cost hold, and who is contacted within the budgets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertow.features.settings.contact import Contact
from undertow.training.value.contact_value import DOES_NOT_PAY, OVER_BUDGET, RECOMMENDED, contacts_of, within_budgets

GROUPS = {
    "cause": ["voluntary", "involuntary", "voluntary", "voluntary"],
    "segment": ["smb", "smb", "enterprise", None],
    "owner": ["Mara", "Tom", "Mara", None],
}
AT_RISK, SHARE, NOBODY = np.array([500.0, 400.0, 900.0, 50.0]), np.array([1.0, 0.75, 1.0, 1.0]), np.zeros(4, bool)


def test_a_contact_is_worth_what_it_keeps_of_its_cause_less_its_cost() -> None:
    found = contacts_of(Contact(save_rate=0.2, cost=20), AT_RISK, SHARE, NOBODY, GROUPS)
    assert found.value == pytest.approx([80.0, 40.0, 160.0, -10.0])
    assert found.verdict == [RECOMMENDED, RECOMMENDED, RECOMMENDED, DOES_NOT_PAY]


def test_an_owner_goes_before_a_segment_and_a_segment_before_a_cause() -> None:
    terms = {"cause": {"voluntary": {"save_rate": 0.5, "cost": 1}}, "segment": {"smb": {"save_rate": 0.4}},
             "owner": {"Tom": {"save_rate": 0.1, "cost": 5}}}  # fmt: skip
    found = contacts_of(Contact.model_validate(terms), AT_RISK, SHARE, NOBODY, GROUPS)
    assert found.value == pytest.approx([0.4 * 500 - 1, 0.1 * 300 - 5, 0.5 * 900 - 1, 0.5 * 50 - 1])


def test_what_a_contact_saves_after_a_notice_or_of_an_unknown_value_is_not_known() -> None:
    unknown, notice = np.array([np.nan, 400.0, 900.0, 50.0]), np.array([False, True, False, False])
    found = contacts_of(Contact(), unknown, SHARE, notice, GROUPS)
    assert np.isnan(found.value).tolist() == [True, True, False, False]
    assert found.verdict == [None, None, RECOMMENDED, DOES_NOT_PAY]


def test_budgets_hold_all_at_once_and_who_is_beyond_them_is_told_apart() -> None:
    contact = Contact.model_validate({"budget": 2, "owner": {"Mara": {"budget": 1}}})
    found = contacts_of(contact, AT_RISK, SHARE, NOBODY, GROUPS)
    assert found.verdict == [OVER_BUDGET, RECOMMENDED, RECOMMENDED, DOES_NOT_PAY]
    nobody = contacts_of(Contact(budget=0), AT_RISK, SHARE, NOBODY, GROUPS)
    assert nobody.verdict == [OVER_BUDGET, OVER_BUDGET, OVER_BUDGET, DOES_NOT_PAY]


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 10_000), budgets=st.lists(st.integers(0, 6), max_size=3))
def test_no_budget_is_exceeded_no_contact_loses_money_and_none_is_left_out_that_fits(
    seed: int, budgets: list[int]
) -> None:
    draw = np.random.default_rng(seed)
    value = draw.normal(size=20).round(1)
    value[draw.random(20) < 0.2] = np.nan
    shared = [(draw.random(20) < 0.6, budget) for budget in budgets]
    chosen = within_budgets(value, shared)
    assert (value[chosen] > 0).all()
    used = [int(chosen[mine].sum()) for mine, _ in shared]
    assert all(count <= budget for count, (_, budget) in zip(used, shared, strict=True))
    for row in np.flatnonzero(~chosen & (value > 0)):
        full = [mine for (mine, budget), count in zip(shared, used, strict=True) if mine[row] and count == budget]
        assert any((value[chosen & mine] >= value[row]).all() for mine in full)


def test_a_segment_of_other_spelling_is_another_segment() -> None:
    found = contacts_of(Contact.model_validate({"segment": {"SMB": {"cost": 0}}}), AT_RISK, SHARE, NOBODY, GROUPS)
    assert found.value == pytest.approx([80.0, 40.0, 160.0, -10.0])
