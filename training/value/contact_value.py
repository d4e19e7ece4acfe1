"""The expected value of a contact with each account, and which contacts are made within their budgets.

value = save rate x what leaving costs, weighted by its probability - cost: the profit of Verbraken, Verbeke and Baesens
(2013, eq. 6) for one account, with the share that a contact keeps and its cost both fixed. No contact that is expected
to lose money is recommended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from undertow.features.settings.contact import Contact

RECOMMENDED, OVER_BUDGET, DOES_NOT_PAY = "recommended", "over_budget", "does_not_pay"


@dataclass(frozen=True)
class Contacts:
    """The contacts of n accounts. `value`: (n,), money, NaN where it is not known. `verdict`: (n,), one of the three.

    The verdict is None where the value is not known.
    """

    value: np.ndarray
    verdict: list[str | None]


def contacts_of(
    contact: Contact, at_risk: np.ndarray, share: np.ndarray, notice: np.ndarray, groups: Mapping[str, Sequence[object]]
) -> Contacts:
    """Return the expected value and the verdict of a contact with each of n accounts.

    `at_risk`: (n,), value at risk, money, NaN where unknown. `share`: (n,), which share of the probability is of the
    cause that the contact is about, 0 to 1. `notice`: bool, (n,): the account gave notice, and what a contact then
    saves is not known. `groups`: "cause", "segment" and "owner" of each account.
    """
    save_rate, cost = _terms(contact, groups, len(at_risk))
    value = np.where(notice, np.nan, contact_value(at_risk * share, save_rate, cost))
    chosen = within_budgets(value, _budgets(contact, groups, len(at_risk)))
    verdicts = np.where(chosen, RECOMMENDED, np.where(value > 0, OVER_BUDGET, DOES_NOT_PAY)).tolist()
    return Contacts(value, [None if np.isnan(v) else verdict for v, verdict in zip(value, verdicts, strict=True)])


def contact_value(lost: np.ndarray, save_rate: np.ndarray | float, cost: np.ndarray | float) -> np.ndarray:
    """Return what contacts are worth, money, of the shape of `lost`: what they keep of what would be lost, less cost.

    >>> contact_value(np.array([500.0, 50.0]), 0.2, 20.0).tolist()
    [80.0, -10.0]
    """
    return np.asarray(save_rate * lost - cost)


def within_budgets(value: np.ndarray, budgets: Sequence[tuple[np.ndarray, int]]) -> np.ndarray:
    """Return which contacts are made, bool, (n,): the most valuable first, while each pays and has a place left.

    `budgets`: (bool, (n,): which accounts share it; the number of contacts), all of which hold. Equal values go in the
    order of the rows.

    >>> within_budgets(np.array([5.0, 9.0, 7.0, -1.0]), [(np.array([True, True, False, True]), 1)]).tolist()
    [False, True, True, False]
    """
    chosen = value > 0
    if not budgets:
        return np.asarray(chosen)
    left = np.array([count for _, count in budgets])
    members = np.array([mine for mine, _ in budgets])
    for row in np.argsort(-value, kind="stable"):
        mine = members[:, row]
        if not chosen[row] or not mine.any():
            continue
        chosen[row] = bool((left[mine] > 0).all())
        left[mine] -= chosen[row]
    return np.asarray(chosen)


def _terms(contact: Contact, groups: Mapping[str, Sequence[object]], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the save rate and the cost of each account, shape (n,) each."""
    save_rate, cost = np.full(n, contact.save_rate), np.full(n, contact.cost)
    for column, name, terms in contact.groups():
        mine = _members(groups, column, name)
        if terms.save_rate is not None:
            save_rate[mine] = terms.save_rate
        if terms.cost is not None:
            cost[mine] = terms.cost
    return save_rate, cost


def _budgets(contact: Contact, groups: Mapping[str, Sequence[object]], n: int) -> list[tuple[np.ndarray, int]]:
    budgets = [] if contact.budget is None else [(np.ones(n, bool), contact.budget)]
    for column, name, terms in contact.groups():
        if terms.budget is not None:
            budgets.append((_members(groups, column, name), terms.budget))
    return budgets


def _members(groups: Mapping[str, Sequence[object]], column: str, name: str) -> np.ndarray:
    return np.array([value == name for value in groups[column]], dtype=bool)
