"""The parameters of a simulated world, each with its unit and the reason for its value; and the named worlds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

import numpy as np

from undertow.features.errors import SettingsError, did_you_mean


class PlantedCause(StrEnum):
    """A cause of churn that can be planted, to test whether the reasons for a score name it."""

    card = "card"  # the card expires before its time: the next billing fails unless it is replaced until then
    habit = "habit"  # the most active user leaves, and most of the use with it, until a successor has taken over
    tickets = "tickets"  # thirty times the usual rate of tickets
    release = "release"  # a release breaks a page on one platform for a month


@dataclass(frozen=True)
class Shock:
    """A shock planted on a day (0 = the first); the four kinds hit four disjoint groups of accounts.

    `share`: share of the accounts that is hit, 0 to 1, chosen at random; a release hits all users of its platform.
    """

    kind: PlantedCause
    day: int
    share: float = 0.1


@dataclass(frozen=True)
class Parameters:
    """The parameters of one world. Rates are per day unless stated otherwise; logits are natural.

    Defaults give 25-40 % churn per year on monthly and 8-18 % on annual contracts, 10-36 % of it
    involuntary, and MRR with a median near 200 and a mean near 400 EUR. A lever is a change of a
    parameter: `truth.lever_effects` simulates the same futures with and without it.
    """

    accounts: int  # all customers, including those that sign up later
    months: int  # calendar months of history from `start`
    start: date = date(2023, 1, 1)  # first day with events, a first of the month

    # Accounts
    old_share: float = 0.5  # share of accounts that signed up before `start`: tenures are mixed
    seats_median: float = 4.0  # users; most customers are small
    seats_spread: float = 1.15  # sd of log seats; makes the top tenth hold about half of MRR
    seat_price: float = 46.0  # EUR per seat and month, falling slowly with size
    discount_share: float = 0.15  # share of accounts that signed up for 10-30 % less, until the price changes
    gross_margin: float = 0.8  # share of MRR that is earned; usual for hosted software
    annual_share: float = 0.3  # share of small accounts on 12-month terms; large ones more
    merge_rate: float = 1.5e-5  # an account goes into one drawn from all, if that is active: 4 of 1,000 per year

    # Satisfaction S: reverts to the account's own mean, minus the current pressure
    satisfaction_mean_sd: float = 0.55  # sd of the accounts' own means
    satisfaction_pull: float = 0.03  # per day: half of a shock has worn off after 23 days
    satisfaction_noise: float = 0.13  # per day: all influences that are not modelled
    error_weight: float = 12.0  # S lost per unit of error share
    load_weight: float = 0.4  # S lost per second of load time over the usual
    ticket_weight: float = 0.9  # S lost while a ticket has been open for over four days
    reopen_blow: float = 0.25  # S lost at once when a ticket is reopened
    price_blow: float = 0.2  # S lost at once when the price rises

    # Engagement E follows S, and usage follows E
    engagement_pull: float = 0.05  # per day: usage adapts faster than satisfaction
    engagement_follows: float = 0.7  # E gained per S
    engagement_noise: float = 0.12  # per day
    champion_loss: float = 0.0006  # per day: the most active user leaves; 20 % per year, as jobs are left
    champion_weight: float = 1.2  # E lost when it leaves, mean of an exponential: a few notice nothing, a few lose most
    champion_halving: float = 150.0  # days until a successor has made good half of the loss
    session_rate: float = 0.115  # recorded sessions per day for four seats; the tracker samples
    session_cap: float = 2.0  # recorded sessions per day at most, so that files stay small
    session_engagement: float = 0.9  # log sessions gained per E

    # The product
    error_share: float = 0.012  # errors per page view of a simple account in quiet weeks
    load_seconds: float = 1.1  # load time of a simple account in quiet weeks
    incident_rate: float = 0.004  # per account and day: the account's own integration breaks
    incident_error: float = 0.07  # mean extra errors per page view after an incident
    incident_healing: float = 0.05  # per day: half is repaired after 14 days
    bad_releases: float = 0.05  # releases per day that break a page on one platform
    error_factor: float = 1.0  # lever: all errors times this
    load_shift: float = 0.0  # lever: seconds added to every load

    # Support
    ticket_rate: float = 0.009  # tickets per day for four seats, more with errors and low S
    resolve_logit: float = -0.6  # daily probability of resolution at S = 0: 35 %
    resolve_satisfaction: float = 0.8  # unhappy accounts wait longer: confounding on purpose
    reopen_share: float = 0.05  # of resolved tickets, more at low S
    support_speed: float = 1.0  # lever: the odds of resolution on a day times this

    # Billing
    card_failure: float = 0.023  # probability per billing while the card is valid; with expired cards, 0.03 in all
    card_months: int = 42  # validity of a new card: two cards of seven expire in a year
    card_replaced: float = 0.03  # per day from 30 days before it expires until a billing fails: 4 of 10 miss the day
    card_spread: float = 0.9  # sd of log risk between cards: past failures predict new ones
    dunning_days: int = 14  # days from the failed card to the end of the subscription
    recovery: float = 0.075  # daily probability that a failed payment is recovered during dunning
    price_rise: float = 0.5  # probability per billing once a price is eleven months old
    seat_change: float = 0.06  # probability per billing that the number of seats changes (annual 6x)

    # Voluntary churn: daily logits
    monthly_base: float = -7.92
    monthly_window: float = 1.5  # added in the four days before a monthly renewal
    annual_base: float = -11.58  # hardly any churn outside the window
    annual_window: float = 7.0  # added in the fourteen days before an annual renewal
    hazard_satisfaction: float = -0.95  # per S
    hazard_misery: float = 0.6  # per S below -0.8, in addition
    hazard_engagement: float = -0.6  # per E
    hazard_price: float = 0.9  # right after a price rise, halved every 30 days
    hazard_tenure: float = -0.3  # per log(1 + tenure / 90 days)
    hazard_complexity: float = -0.25  # complex accounts load slowly but are bound: confounding on purpose
    hazard_season: float = 0.15  # amplitude over the year, highest in mid-January
    lottery: bool = False  # constant hazards: every account churns with the two probabilities below
    lottery_voluntary: float = 0.0007  # 23 % per year
    lottery_involuntary: float = 0.0002  # 7 % per year

    # An unobserved confounder: effects per standard deviation of a hidden trait
    hidden_load: float = 0.0  # seconds
    hidden_error: float = 0.0  # log error share
    hidden_churn: float = 0.0  # logit of voluntary churn

    # Retention contacts
    contact_rate: float = 0.0002  # randomised calls, half of them held back as control: a small trial
    contact_accepted: float = 0.3  # share of the called accounts that accept the offer
    contact_response: float = -0.8  # effect of an accepted offer on the logit of voluntary churn, mean over accounts
    contact_spread: float = 0.5  # sd of it: for some accounts a call raises the churn probability
    contact_halving: float = 60.0  # days until half of the effect is gone
    targeted_rate: float = 0.0  # calls chosen by the team, at S = -1

    # Returning after churn
    return_after: int = 45  # days away at least, so that no churn is undone within 30 days
    return_before: int = 240  # days away at most
    return_rate: float = 0.0004  # per day between the two

    # Data quality of the records
    late_share: float = 0.02  # share of events recorded over three days late, mostly by phones in batches
    double_share: float = 0.005  # share of events sent twice
    strange_share: float = 0.0003  # share of events that are invalid
    late_cancellations: float = 0.06  # share of subscription ends recorded one to six days late
    outage_at: float = 0.42  # share of the history after which the collector fails
    outage_hours: float = 36.0  # length of the outage; its events are lost
    renamed_at: float = 0.58  # share of the history after which apps send `load_ms` instead of `duration_ms`
    bot_minutes: float = 120.0  # between two visits of a monitor that is not a customer; 0: none

    # Planted on purpose
    shocks: tuple[Shock, ...] = ()
    web_unbroken: int = 0  # days before the end on which no drawn release breaks the web: a planted one stands alone
    leaks: bool = False  # planted leakage, for the audit to find

    def __post_init__(self) -> None:
        if self.accounts < 1 or self.months < 1:
            raise SettingsError(f"A world needs at least 1 account and 1 month; got {self.accounts} and {self.months}.")
        outside = [shock for shock in self.shocks if not 0 <= shock.day < self.days]
        if outside or sum(shock.share for shock in self.shocks) > 1.0:
            raise SettingsError(
                f"Shocks fall on days 0 to {self.days - 1} and hit at most all accounts together; got "
                f"{', '.join(f'{shock.kind} on day {shock.day} for {shock.share:.0%}' for shock in self.shocks)}."
            )

    @property
    def first_day(self) -> np.datetime64:
        """Return day 0 as a numpy date."""
        return np.datetime64(self.start, "D")

    @property
    def days(self) -> int:
        """Return the number of days in the history, which is also the number of the first day after it."""
        return self.month_start(self.months)

    def month_start(self, month: int) -> int:
        """Return the number of the day on which month `month` (0 = the first) begins."""
        first = np.datetime64(self.start, "M") + month
        return int((first.astype("datetime64[D]") - self.first_day).astype(int))


_DEMO = Parameters(accounts=2000, months=30)

WORLDS: dict[str, Parameters] = {
    "tiny": Parameters(accounts=300, months=18),
    "demo": _DEMO,
    "bench": Parameters(accounts=10_000, months=48),
    # Hazards are constant, so no feature predicts churn: a model that finds a pattern has leakage.
    "noise": replace(_DEMO, lottery=True),
    # Planted leakage, and an older export without it.
    "leak": Parameters(accounts=600, months=18, leaks=True),
    # An unobserved confounder: a trait that is not recorded slows pages and keeps customers.
    "confounded": replace(_DEMO, hidden_load=0.5, hidden_error=0.4, hidden_churn=-0.7),
    # Calls chosen by the team (not randomised), beside a large randomised trial.
    "treated": replace(_DEMO, contact_rate=0.003, targeted_rate=0.01),
}


def choose_world(name: str, accounts: int | None = None, months: int | None = None) -> Parameters:
    """Return the parameters of a named world, with another number of accounts or months if given.

    Raises SettingsError for a name that is not in WORLDS, and for a number below 1.
    """
    if name not in WORLDS:
        raise SettingsError(f"Unknown world '{name}'; known: {', '.join(WORLDS)}.{did_you_mean(name, WORLDS)}")
    chosen = WORLDS[name]
    return replace(
        chosen,
        accounts=chosen.accounts if accounts is None else accounts,
        months=chosen.months if months is None else months,
    )
