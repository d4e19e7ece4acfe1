"""The touchpoints of a customer's journey, in order: who is in each, its UX and CX metrics, and what trouble there is.

A rule is a plain threshold on one feature. Where the feature of a rule is not among those of a project, the rule is
left out; where none of a touchpoint's rules is left, the touchpoint is not available.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from undertow.training.examples.person_periods import has_column, numbers

Holds = Literal["above", "below", "at least", "at most", "known", "above three in four"]
A_FIFTH_LESS = -0.223  # log ratio: 20 % below


@dataclass(frozen=True)
class Rule:
    """A threshold on a feature, in its unit; "above three in four": above the upper quartile of those in touch."""

    feature: str
    holds: Holds
    limit: float = 0.0

    def at(self, values: np.ndarray) -> Rule:
        """Return the rule with its threshold as a number, from `values`, (n,), of the accounts in the touchpoint.

        >>> Rule("errors", "above three in four").at(np.array([0.0, 1, 2, 3, 4]))
        Rule(feature='errors', holds='above', limit=3.0)
        """
        if self.holds != "above three in four":
            return self
        known = values[~np.isnan(values)]
        return Rule(self.feature, "above", float(np.quantile(known, 0.75)) if len(known) else 0.0)

    def met(self, rows: pa.Table) -> np.ndarray:
        """Return bool, (n,): where it holds; nowhere where the feature is unknown."""
        values = numbers(rows, self.feature)
        match self.holds:
            case "known":
                return ~np.isnan(values)
            case "above":
                return np.asarray(values > self.limit)
            case "at least":
                return np.asarray(values >= self.limit)
            case "at most":
                return np.asarray(values <= self.limit)
            case "below":
                return np.asarray(values < self.limit)
        raise ValueError(f"Expected a threshold as a number, got {self}. Call `at` first.")


@dataclass(frozen=True)
class Touchpoint:
    """A touchpoint: `within`: all hold for an account in it. `trouble`: one of them holds for one that met trouble."""

    name: str
    title: str
    sentence: str
    within: tuple[Rule, ...]
    trouble: tuple[Rule, ...]
    metrics: tuple[str, ...]

    def missing(self, features: frozenset[str]) -> list[str]:
        """Return the features without which nothing can be said about it, of those that are not among `features`."""
        needed = [rule.feature for rule in self.within if rule.feature not in features]
        if not any(rule.feature in features for rule in self.trouble):
            needed += [rule.feature for rule in self.trouble]
        return list(dict.fromkeys(needed))

    def are_in(self, rows: pa.Table) -> np.ndarray:
        """Return bool, (n,): the accounts in it."""
        return np.logical_and.reduce([rule.met(rows) for rule in self.within])

    def rules(self, rows: pa.Table) -> tuple[Rule, ...]:
        """Return what trouble is, as numbers; thresholds that follow the accounts are those of `rows`."""
        mine = self.are_in(rows)
        known = [rule for rule in self.trouble if has_column(rows, rule.feature)]
        return tuple(rule.at(numbers(rows, rule.feature)[mine]) for rule in known)


def in_trouble(rules: tuple[Rule, ...], rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return which accounts met trouble and which did not, both bool, (n,); neither where every feature is unknown."""
    met = np.logical_or.reduce([rule.met(rows) for rule in rules])
    known = np.logical_or.reduce([~np.isnan(numbers(rows, rule.feature)) for rule in rules])
    return met, known & ~met


TOUCHPOINTS = (
    Touchpoint(
        "sign_up", "Sign-up and first tasks", "The first 60 days of an account.",
        within=(Rule("tenure_days", "at most", 60),),
        trouble=(Rule("task_success_rate_90", "below", 0.75), Rule("error_rate_90", "above three in four")),
        metrics=("tasks_started_90", "task_success_rate_90", "time_on_task_90", "error_rate_90", "load_time_p75_90",
                 "tickets_opened_90", "first_response_time_90", "csat_mean_90"),
    ),
    Touchpoint(
        "use", "Everyday use", "Accounts that visited in the last 30 days.",
        within=(Rule("visits_30", "at least", 1),),
        trouble=(Rule("error_rate_30", "above three in four"), Rule("slow_load_share_30", "above", 0.25)),
        metrics=("visits_30", "error_rate_30", "load_time_p75_30", "slow_load_share_30", "rage_clicks_per_visit_30",
                 "task_success_rate_30", "features_used_30", "csat_mean_90"),
    ),
    Touchpoint(
        "support", "Support", "Accounts that opened a ticket in the last 90 days.",
        within=(Rule("tickets_opened_90", "at least", 1),),
        trouble=(Rule("first_response_time_90", "above", 24), Rule("resolution_time_90", "above", 120),
                 Rule("reopened_tickets_90", "at least", 1)),
        metrics=("tickets_opened_90", "urgent_tickets_90", "first_response_time_90", "resolution_time_90",
                 "reopen_rate_90", "escalation_rate_90", "ticket_csat_90", "ces_mean_90", "error_rate_90"),
    ),
    Touchpoint(
        "billing", "Billing", "Accounts with a payment attempt in the last 90 days.",
        within=(Rule("failed_payment_share_90", "known"),),
        trouble=(Rule("failed_payments_30", "at least", 1), Rule("invoices_overdue", "at least", 1)),
        metrics=("failed_payments_90", "failed_payment_share_90", "days_late_365", "tickets_opened_30",
                 "first_response_time_90", "task_success_rate_30", "nps_latest"),
    ),
    Touchpoint(
        "renewal", "Renewal", "Accounts on a term of six months or more that renew within 90 days.",
        within=(Rule("days_to_renewal", "at most", 90), Rule("term_months", "at least", 6)),
        trouble=(Rule("visits_lately_against_usual", "below", A_FIFTH_LESS), Rule("nps_latest", "at most", 6)),
        metrics=("visits_30", "seats_active_share_30", "visits_lately_against_usual", "error_rate_30",
                 "task_success_rate_90", "tickets_open", "nps_latest", "csat_mean_180"),
    ),
)  # fmt: skip
