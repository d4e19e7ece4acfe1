"""The numbers that shape a simulated world, each with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np


@dataclass(frozen=True)
class Parameters:
    """One world. Rates are per day unless the line says otherwise; logits are natural.

    Defaults give 25-40 % churn a year on monthly and 8-18 % on annual contracts, 10-36 % of it
    involuntary, and MRR with a median near 200 and a mean near 400 EUR.
    """

    accounts: int  # customers ever seen, those who come later included
    months: int  # calendar months of history from `start`
    start: date = date(2023, 1, 1)  # first day with events, a first of the month

    # Who they are
    old_share: float = 0.5  # share of accounts that signed before `start`: tenures are mixed
    seats_median: float = 4.0  # users; most customers are small
    seats_spread: float = 1.15  # sd of log seats; makes the top tenth hold about half of MRR
    seat_price: float = 46.0  # EUR per seat and month, falling slowly with size
    annual_share: float = 0.3  # share of small accounts on 12-month terms; large ones more

    # Satisfaction S: pulled toward the account's own mean, less what presses on it now
    satisfaction_mean_sd: float = 0.55  # spread of the accounts' own means
    satisfaction_pull: float = 0.03  # per day: half of a blow is forgotten in 23 days
    satisfaction_noise: float = 0.13  # per day: everything that we never see
    error_weight: float = 12.0  # S lost per unit of error share: broken pages are felt
    load_weight: float = 0.4  # S lost per second of load time over the usual
    ticket_weight: float = 0.9  # S lost while a ticket has been open for over four days
    reopen_blow: float = 0.25  # S lost at once when a ticket must be reopened
    price_blow: float = 0.2  # S lost at once when the price rises

    # Engagement E follows S, and usage follows E
    engagement_pull: float = 0.05  # per day: habits move faster than opinions
    engagement_follows: float = 0.7  # E gained per S
    engagement_noise: float = 0.12  # per day
    session_rate: float = 0.115  # recorded sessions a day for four seats; the tracker samples
    session_cap: float = 2.0  # recorded sessions a day at most, so that files stay small
    session_engagement: float = 0.9  # log sessions gained per E

    # The product
    error_share: float = 0.012  # errors per page view of a simple account in quiet weeks
    load_seconds: float = 1.1  # load time of a simple account in quiet weeks
    incident_rate: float = 0.004  # per account and day: its own integration breaks
    incident_error: float = 0.07  # mean extra errors per page view when it does
    incident_healing: float = 0.05  # per day: half is mended in 14 days
    bad_releases: float = 0.05  # releases per day that break something on one platform

    # Support
    ticket_rate: float = 0.009  # tickets a day for four seats, more with errors and low S
    resolve_logit: float = -0.6  # daily chance of resolution at S = 0: 35 %
    resolve_satisfaction: float = 0.8  # the unhappy wait longer: confounding on purpose
    reopen_share: float = 0.08  # of resolved tickets, more at low S

    # Money
    card_failure: float = 0.012  # per billing, mean over accounts
    card_spread: float = 0.9  # sd of log risk between cards: past failures foretell new ones
    dunning_days: int = 14  # days from the failed card to the end of the subscription
    recovery: float = 0.055  # daily chance that the card is mended while in dunning
    price_rise: float = 0.5  # chance per billing once a price is eleven months old
    seat_change: float = 0.06  # chance per billing that the number of seats changes (annual 6x)

    # Leaving by choice: daily logits
    monthly_base: float = -7.75
    monthly_window: float = 1.5  # added in the four days before a monthly renewal
    annual_base: float = -11.5  # a contract holds until its window
    annual_window: float = 7.0  # added in the fourteen days before an annual renewal
    hazard_satisfaction: float = -0.95  # per S
    hazard_misery: float = 0.6  # per S below -0.8, on top: the last straw
    hazard_engagement: float = -0.6  # per E
    hazard_price: float = 0.9  # right after a price rise, halved every 30 days
    hazard_tenure: float = -0.3  # per log(1 + tenure / 90 days)
    hazard_complexity: float = -0.25  # the complex are slow, and bound: confounding on purpose
    hazard_season: float = 0.15  # amplitude over the year, worst in mid-January

    # Coming back
    return_after: int = 45  # days away at least, so that no churn is undone within 30 days
    return_before: int = 240  # days away at most
    return_rate: float = 0.0004  # per day between the two

    @property
    def first_day(self) -> np.datetime64:
        """Day 0 as a numpy date."""
        return np.datetime64(self.start, "D")

    @property
    def days(self) -> int:
        """How many days the history has; also the number of the first unseen day."""
        return self.month_start(self.months)

    def month_start(self, month: int) -> int:
        """Return the day number on which month `month` (0 = the first) begins."""
        first = np.datetime64(self.start, "M") + month
        return int((first.astype("datetime64[D]") - self.first_day).astype(int))


PRESETS: dict[str, Parameters] = {
    "tiny": Parameters(accounts=300, months=18),
    "demo": Parameters(accounts=2000, months=30),
}
