"""Definitions of the business metrics: name, sentence, unit, formula and its source.

This module computes nothing: `monthly` runs the SQL of each metric over the loaded tables. What a feature measures too
is taken from its card.
A month is half-open, `[month start, next month start)`, UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from undertow.features.catalogue.cards import Family
from undertow.features.catalogue.choose import FEATURES
from undertow.features.catalogue.language import Measure, Ratio
from undertow.features.catalogue.ux import VITALS
from undertow.features.compiler.aggregates import count_sql, value_sql
from undertow.features.errors import RequestError, did_you_mean

ENOUGH = 30  # cases; a share, mean or quantile of fewer is not shown
WIDE = 100  # cases; a number of fewer is shown and flagged
FEW_ACCOUNTS = 10  # as is one whose cases come from fewer accounts
GRACE: Literal["grace_days"] = "grace_days"

Unit = Literal["share", "money", "points", "score", "ms", "hours", "days", "per visit"]


@dataclass(frozen=True)
class Rate:
    """A ratio of sums; every text is an SQL aggregate over one account's rows in one month.

    `rows`: the relation in `sql` that it reads. `n`: its cases (`bottom`, unless given).
    `squares`: the sum of the squared values of its cases (`top`, unless given: right for a share).
    `interval`: "wilson" for a share, "normal" for a bounded mean, "" for none. `times`: the scale.
    """

    rows: str
    top: str
    bottom: str
    n: str = ""
    squares: str = ""
    interval: Literal["wilson", "normal", ""] = ""
    times: float = 1.0


@dataclass(frozen=True)
class Total:
    """A sum, which is exact whatever its n; `top` and `n` are SQL aggregates over an account's rows."""

    rows: str
    top: str
    n: str


@dataclass(frozen=True)
class Quantile:
    """An exact, linearly interpolated quantile of `value` (SQL, null where a row does not count)."""

    rows: str
    value: str
    share: float


@dataclass(frozen=True)
class FlatValue:
    """Customer lifetime value under a constant churn rate, from two other metrics of the month."""

    churn: str = "logo_churn"
    arpa: str = "arpa"


@dataclass(frozen=True)
class Metric:
    """One business metric.

    `table`: what it is counted in. `also`: other tables that it needs. `formula`, `source`: what is computed
    and whose definition it is.
    `minimum`: cases under which it is suppressed. `settles`: days after the month's end before it
    can be judged, or "grace_days". `unrecorded`: the value that it takes where what it counts is not
    recorded at all; it is left out then. `panel`: where a picture draws it. `note`: printed below.
    """

    name: str
    sentence: str
    family: Family
    unit: Unit
    table: str
    measure: Rate | Total | Quantile | FlatValue
    formula: str
    source: str
    panel: str
    minimum: int = ENOUGH
    settles: int | Literal["grace_days"] = 0
    unrecorded: float | None = None
    note: str = ""
    also: tuple[str, ...] = ()

    @property
    def on_platforms(self) -> bool:
        """Whether it can be broken down by platform: only metrics counted in events."""
        return self.table == "events"


FEATURE_CARDS = {feature.name: feature for feature in FEATURES}


def _ratio_of(
    feature: str,
    rows: str,
    squares: str = "",
    interval: Literal["wilson", "normal", ""] = "",
    times: float = 1.0,
) -> Rate:
    """Return the ratio that the feature of this name measures, over the rows of a month."""
    ratio = FEATURE_CARDS[feature].measure
    assert isinstance(ratio, Ratio)
    return Rate(rows, count_sql(ratio.over), count_sql(ratio.under), squares=squares, interval=interval, times=times)


def _mean_of(feature: str, rows: str) -> Rate:
    """Return the mean that the feature of this name measures, over the rows of a month."""
    mean = FEATURE_CARDS[feature].measure
    assert isinstance(mean, Measure) and mean.statistic in ("mean", "hours between")
    value = value_sql(mean)
    return Rate(rows, f"sum({value})", f"count({value})")


def _quantile_of(feature: str) -> Quantile:
    """Return the quantile that the feature of this name measures, over the events of a month."""
    quantile = FEATURE_CARDS[feature].measure
    assert isinstance(quantile, Measure) and quantile.share is not None
    return Quantile("interactions", value_sql(quantile), quantile.share)


def _movement(name: str, sentence: str, money: str, counted: str, note: str = "") -> Metric:
    top = f"sum(CASE WHEN {counted} THEN {money} ELSE 0 END)"
    return Metric(
        name, sentence, "billing", "money", "subscriptions", Total("movements", top, f"count_if({counted})"),
        formula=f"sum of ({money}) over accounts with {counted}",
        source="Stripe Billing, MRR movements", panel="MRR movements", minimum=0, note=note,
    )  # fmt: skip


def _of_start(name: str, sentence: str, top: str, formula: str, panel: str, share: bool) -> Metric:
    measure = Rate("movements", top, "sum(at_start)", n="count_if(at_start > 0)", interval="wilson" if share else "")
    source = "Stripe and common SaaS usage; the denominator is the MRR at month start"
    return Metric(name, sentence, "billing", "share", "subscriptions", measure, formula, source, panel, note=PAUSED)


PAUSED = (
    "MRR is taken as it stands: a pause over a month's end is churned and then reactivation MRR, and MRR that ended "
    "for a neutral reason is churned too; logo churn forgives both."
)
MONEY = (
    Metric(
        "mrr", "MRR at the end of the month", "billing", "money", "subscriptions",
        Total("movements", "sum(at_end)", "count_if(at_end > 0)"), minimum=0, panel="MRR",
        formula="sum of mrr over subscriptions running just before the next month starts",
        source="Stripe Billing, monthly recurring revenue",
    ),
    _movement("mrr_new", "MRR of accounts paying for the first time", "at_end",
              "at_start = 0 AND NOT paid_before"),
    _movement("mrr_reactivation", "MRR of accounts that pay again", "at_end",
              "at_start = 0 AND paid_before"),
    _movement("mrr_expansion", "MRR added by paying accounts", "at_end - at_start",
              "at_start > 0 AND at_end > at_start"),
    _movement("mrr_contraction", "MRR given up by accounts that stay", "at_start - at_end",
              "at_end > 0 AND at_end < at_start"),
    _movement("mrr_churned", "MRR of accounts that stopped paying", "at_start",
              "at_start > 0 AND at_end = 0", note=PAUSED),
    Metric(
        "arpa", "MRR per paying account, at month start", "billing", "money", "subscriptions",
        Rate("movements", "sum(at_start)", "count_if(at_start > 0)"), panel="MRR per account",
        formula="MRR at month start / accounts with MRR above 0 then", source="common SaaS usage",
    ),
)  # fmt: skip

CHURN_NOTE = (
    "Logo churn is an account's last paid subscription ended with no return within [churn] grace_days; an end for "
    "a neutral reason is none. logo_churn divides by the accounts paying at month start, logo_churn_stripe, as "
    "Stripe does, by those and the ones that began in the month: do not compare one with the other."
)
CHURN = (
    Metric(
        "logo_churn", "Accounts paying at month start that left in the month", "billing", "share", "subscriptions",
        Rate("paid_spells", "count_if(there AND there_left)", "count_if(there)", interval="wilson"),
        formula="left in the month, of those paying at month start / paying at month start",
        source="textbook customer churn rate", panel="Logo churn", settles=GRACE, note=CHURN_NOTE,
    ),
    Metric(
        "logo_churn_stripe", "Accounts that left, of those paying at start or begun since",
        "billing", "share", "subscriptions",
        Rate("paid_spells", "count_if(any_left)", "count(*)", interval="wilson"),
        formula="left in the month / (paying at month start + begun in the month)",
        source="Stripe Billing, subscriber churn rate (there over 30 days)", panel="Logo churn", settles=GRACE,
    ),
    _of_start("gross_mrr_churn", "MRR lost by leaving or contraction, of that at month start",
              "sum(greatest(at_start - at_end, 0))", "(churned + contraction) / start", "MRR churn", share=True),
    _of_start("net_mrr_churn", "MRR lost less expansion, of that at month start",
              "sum(CASE WHEN at_start > 0 THEN at_start - at_end ELSE 0 END)",
              "(churned + contraction - expansion) / start; new and reactivation out", "MRR churn", share=False),
    _of_start("grr", "Gross revenue retention: MRR kept, expansion left out",
              "sum(least(at_start, at_end))", "(start - contraction - churned) / start", "Revenue retention",
              share=True),
    _of_start("nrr", "Net revenue retention: what the MRR of month start became",
              "sum(CASE WHEN at_start > 0 THEN at_end ELSE 0 END)",
              "(start + expansion - contraction - churned) / start; new and reactivation out", "Revenue retention",
              share=False),
    Metric(
        "clv", "Margin of an account over 12 months at this churn", "billing", "money",
        "subscriptions", FlatValue(),
        formula="sum over t = 0.5..11.5 months of (1 - logo_churn)^t x arpa x margin x (1 + discount_rate)^(-t/12)",
        source="the retention model of Gupta and Lehmann 2003, cut at a stated horizon",
        panel="CLV, flat churn", settles=GRACE,
        note="clv is a flat-rate figure: every account churns alike, at the month's rate, over [value] months; its "
        "interval carries that of logo_churn alone. `undertow score` gives each account its own value.",
    ),
)  # fmt: skip

CX = (
    Metric(
        "nps", "Net promoter score, -100 to 100", "cx", "points", "surveys",
        _ratio_of("nps", "answers", squares="count_if(kind = 'nps' AND (score >= 9 OR score < 7))", interval="normal",
                  times=100),
        formula="100 x (answers of 9-10 - answers of 0-6) / answers of 0-10; passives count below the line",
        source="Reichheld 2003; interval from the trinomial variance", panel="NPS",
        note="nps reads answers on a scale of 10 (or unsaid) only.",
    ),
    Metric(
        "csat", "Answers in the two best boxes of their scale", "cx", "share", "surveys",
        _ratio_of("csat_satisfied", "answers", interval="wilson"),
        formula="scores of scale_max or one less / scores (scale_max 3 to 10, 5 where unsaid; others carried to 1-5)",
        source="top-2-box CSAT", panel="CSAT, top two boxes",
    ),
    Metric(
        "ticket_csat", "Ticket ratings of 4 or 5", "cx", "share", "tickets",
        _ratio_of("satisfied_tickets", "ratings", interval="wilson"),
        formula="tickets rated 4 or 5 in the month / tickets rated in the month (1 to 5)",
        source="top-2-box CSAT", panel="CSAT, top two boxes",
    ),
    Metric(
        "ces", "Mean customer effort score, carried to 1-7", "cx", "score", "surveys",
        _mean_of("ces_mean", "answers"),
        formula="mean of 1 + 6 x (score - lowest) / (scale_max - lowest); scale_max 7 where unsaid",
        source="CES 2.0, where 7 is easy; in CES 1.0 the direction is the other", panel="Effort (CES)",
    ),
    Metric(
        "first_response_time", "Mean time to a first answer, by month of the answer", "cx", "hours",
        "tickets", _mean_of("first_response_time", "first_answers"),
        formula="mean of first_response_at - opened_at, calendar hours", source="Zendesk, first reply time",
        panel="Ticket times",
    ),
    Metric(
        "resolution_time", "Mean time to resolution, by month of resolution", "cx", "hours", "tickets",
        _mean_of("resolution_time", "resolutions"),
        formula="mean of resolved_at - opened_at, calendar hours", source="Zendesk, full resolution time",
        panel="Ticket times",
        note="resolution_time covers only tickets that were resolved; read it beside open_ticket_age.",
    ),
    Metric(
        "open_ticket_age", "Median age of the tickets open at month end", "cx", "days", "tickets",
        Quantile("open_tickets", "age_days", 0.5),
        formula="median of month end - opened_at over tickets not resolved by then, or reopened since",
        source="what a mean over resolved tickets leaves out", panel="Age of open tickets",
    ),
    Metric(
        "reopen_rate", "Resolved tickets reopened within 14 days", "cx", "share", "tickets",
        Rate("resolutions", "count_if(reopened)", "count_if(records_reopening)", interval="wilson"),
        formula="resolved and reopened after it, no later than 14 days / resolved",
        source="Zendesk, reopens over solved tickets, with an equal wait for every month", panel="Reopened tickets",
        settles=14,
    ),
)  # fmt: skip


def _share(top: str, bottom: str, rows: str = "interactions") -> Rate:
    return Rate(rows, top, bottom, interval="wilson")


def _vital(vital: str) -> tuple[Metric, ...]:
    """Return the three metrics of a web vital: its 75th percentile, its good and its poor share."""
    name, unit, good, poor = VITALS[vital]
    source, short = "web-vitals, thresholds of web.dev", vital.lower()
    return (
        Metric(f"{short}_p75", f"{name} that one page in four exceeds", "ux", unit, "events",  # type: ignore[arg-type]
               _quantile_of(f"{short}_p75"), "75th percentile of the values reported", source, f"{vital}, p75"),
        Metric(f"good_{short}_share", f"Pages whose {vital} was good ({good:g} or less)", "ux", "share", "events",
               _ratio_of(f"good_{short}_share", "interactions", interval="wilson"),
               f"values up to {good:g} / values", source, "Web vitals, good share"),
        Metric(f"poor_{short}_share", f"Pages whose {vital} was poor (over {poor:g})", "ux", "share", "events",
               _ratio_of(f"poor_{short}_share", "interactions", interval="wilson"),
               f"values over {poor:g} / values", source, "Web vitals, poor share"),
    )  # fmt: skip


UX = (
    Metric("error_rate", "Errors per page view", "ux", "share", "events",
           _ratio_of("error_rate", "interactions", interval="wilson"),
           "errors / page views; a page may meet several", "Undertow's feature of that name", "Errors per page view",
           unrecorded=0),
    Metric("crash_free_sessions", "Visits without a crash", "ux", "share", "events",
           _share("count_if(NOT crashed)", "count(*)", "visits"),
           "1 - visits with a crash / visits", "Sentry and Firebase, crash-free sessions", "Crash-free visits",
           unrecorded=1),
    Metric("task_success_rate", "Task attempts that were completed", "ux", "share", "events",
           _share("count_if(kind = 'task_completed')",
                  "greatest(count_if(kind = 'task_started'), count_if(kind IN ('task_completed', 'task_failed')))"),
           "completed / attempts; an account's attempts are its starts or its ends, whichever are more, since a "
           "task may end in a later month", "ISO 9241-11, effectiveness", "Task success",
           unrecorded=0),
    Metric("time_on_task", "Median time of the tasks completed", "ux", "ms", "events",
           _quantile_of("time_on_task"),
           "median of duration_ms over completed tasks", "ISO 9241-11, efficiency", "Time on task"),
    Metric("load_time_p75", "Load time that one page in four exceeds", "ux", "ms", "events",
           _quantile_of("load_time_p75"),
           "75th percentile of duration_ms over page views", "common real-user monitoring", "Load time, p75"),
    Metric("apdex", "Apdex of page loads, 0 to 1, with T = 2 seconds", "ux", "score", "events",
           _ratio_of("apdex", "interactions"),
           "(loads up to T + half of those over T and up to 4T) / loads", "Apdex Alliance 2007", "Apdex"),
    *(metric for vital in VITALS for metric in _vital(vital)),
)  # fmt: skip

USAGE = (
    Metric("page_views_per_visit", "Page views per visit", "usage", "per visit", "events",
           Rate("visits", "sum(page_views)", "count(*)"),
           "page views / visits; a visit is a session_id and belongs to the month it began in",
           "common web analytics", "Page views per visit"),
    Metric("click_through_rate", "Clicks on what was shown, per time it was shown", "usage", "share", "events",
           _share("count_if(kind = 'click' AND was_shown)", "count_if(kind = 'impression')"),
           "clicks on a name that has impressions / impressions", "IAB, click-through rate", "Click-through",
           unrecorded=0),
    Metric("conversion_rate", "Visits with a conversion", "usage", "share", "events",
           _share("count_if(converted)", "count(*)", "visits"),
           "visits with a conversion / visits", "common web analytics, session conversion", "Conversion",
           unrecorded=0),
    Metric("paid_conversion", "Users not paying yet who became paying customers in 30 days", "usage", "share", "events",
           _share("count_if(converted)", "count(*)", "not_paying"),
           "users of whom an account began to pay within 30 days of their first event of the month / users with an "
           "event in the month who belonged to no account that paid before the day of the first; users without any "
           "account count too",
           "visitors and free users to paying customers, with an equal wait for every month", "Paid conversion",
           settles=30, also=("subscriptions",),
           note="paid_conversion counts users (an account where an event names no user); visitors without a user_id "
           "are not seen."),
)  # fmt: skip

CARDS: dict[str, Metric] = {card.name: card for card in (*MONEY, *CHURN, *CX, *UX, *USAGE)}


def choose(names: Sequence[str] = ()) -> tuple[Metric, ...]:
    """Return the metrics of these names in their order, or all. Raises RequestError for an unknown one."""
    for name in names:
        if name not in CARDS:
            hint = did_you_mean(name, CARDS)
            raise RequestError(f"Unknown metric '{name}'.{hint} Known: {', '.join(CARDS)}.")
    return tuple(CARDS[name] for name in dict.fromkeys(names)) or tuple(CARDS.values())
