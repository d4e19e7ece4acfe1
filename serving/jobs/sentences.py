"""Evidence as a person would say it: one sentence per card of the catalogue, and a default for all others."""

from __future__ import annotations

from dataclasses import dataclass

from undertow.features.catalogue.given import OUR_COLUMNS
from undertow.serving.formatting import against_usual, measured
from undertow.training.examples.encoding import ModelColumn


@dataclass(frozen=True)
class Said:
    """The words for a card.

    {value}: with its unit; {days}: of the window; {hundred}: the value times 100; {pace}: a log ratio as a
    percentage, "40 % below". `compared`: whether the values before and of like accounts follow.
    """

    text: str
    compared: bool = True


def _whole(text: str) -> Said:
    return Said(text, compared=False)


IN_DAYS = "in the last {days} days"
EVERYWHERE = "on the pages and platforms it uses, all accounts met"
SENTENCES: dict[str, Said] = {
    # ux
    "error_rate": Said(f"error rate {{value}} {IN_DAYS}"),
    "error_share_usual": Said("its usual error rate is {value}"),
    "errors_above_usual": _whole("{hundred} more errors per 100 page views lately than usual for it"),
    "errors_met_by_all": _whole(f"{EVERYWHERE} {{hundred}} more errors per 100 page views lately than usual"),
    "load_time_p75": Said(f"one page in four took over {{value}} {IN_DAYS}"),
    "load_time_usual": Said("its pages usually take {value}"),
    "load_time_above_usual": _whole("its pages take {value} longer lately than usual"),
    "load_time_met_by_all": _whole("on the pages and platforms it uses, pages lately take {value} longer than usual "
                                   "for all accounts"),
    "task_failure_rate": Said(f"{{value}} of the tasks started {IN_DAYS} failed"),
    "task_failures_usual": Said("usually {value} of its tasks fail"),
    "task_failures_above_usual": _whole("{hundred} more failures per 100 tasks lately than usual for it"),
    "task_failures_met_by_all": _whole("in the tasks it does, all accounts met {hundred} more failures per 100 lately "
                                       "than usual"),
    "rage_clicks_per_visit": Said(f"{{value}} rage clicks per visit {IN_DAYS}"),
    "rage_clicks_above_usual": _whole("{hundred} more rage clicks per 100 visits lately than usual for it"),
    # cx
    "tickets_open": Said("support tickets open: {value}"),
    "oldest_open_ticket": Said("the oldest open ticket is {value} old"),
    "reopened_tickets": Said(f"tickets reopened {IN_DAYS}: {{value}}"),
    "nps_latest": Said("the latest NPS answer is {value} of 10"),
    "csat_mean": Said(f"mean CSAT answer {{value}} of 5 {IN_DAYS}"),
    "ticket_csat": Said(f"tickets rated {{value}} of 5 {IN_DAYS}"),
    "tickets_opened": Said(f"support tickets opened {IN_DAYS}: {{value}}"),
    "tickets_now_against_usual": _whole("support tickets {pace} its usual pace in the last days"),
    "tickets_lately_against_usual": _whole("support tickets {pace} its usual pace in the last weeks"),
    "tickets_this_season_against_usual": _whole("support tickets {pace} its usual pace in the last months"),
    "first_response_time": Said(f"a first answer to a ticket took {{value}} {IN_DAYS}"),
    "resolution_time": Said(f"a ticket took {{value}} to resolve {IN_DAYS}"),
    "resolution_hours_usual": Said("its tickets usually take {value} to resolve"),
    "resolution_hours_lately": Said("its tickets lately take {value} to resolve"),
    "first_response_hours_usual": Said("a first answer to its tickets usually takes {value}"),
    "voice": _whole("survey answers against those of all accounts: {value} usual spreads"),
    "voice_lately": _whole("recent survey answers against those of all accounts: {value} usual spreads"),
    "ticket_voice": _whole("ratings of tickets against those of all accounts: {value} usual spreads"),
    # usage
    "visits": Said(f"visits {IN_DAYS}: {{value}}"),
    "page_views": Said(f"pages viewed {IN_DAYS}: {{value}}"),
    "active_days": Said("active on {value} of the last {days} days"),
    "feature_use": Said(f"uses of features {IN_DAYS}: {{value}}"),
    "features_used": Said(f"different features used {IN_DAYS}: {{value}}"),
    "seats_active_share": Said(f"people active per seat paid for {IN_DAYS}: {{value}}"),
    "days_since_last_activity": Said("nothing was done for {value}"),
    "champion_quiet_days": Said("the most active person was last seen {value} ago"),
    "visit_pace": Said("visits lately {value}"),
    "visit_pace_per_seat": Said("visits per seat paid for {value}"),
    "features_per_visit_usual": Said("usually {value} uses of features per visit"),
    "features_per_visit_lately": Said("lately {value} uses of features per visit"),
    "conversions_per_visit": Said("{value} conversions per visit"),
    "answer_pace": Said("surveys answered {value}"),
    "visits_now_against_usual": _whole("visits {pace} its usual pace in the last days"),
    "visits_lately_against_usual": _whole("visits {pace} its usual pace in the last weeks"),
    "visits_this_season_against_usual": _whole("visits {pace} its usual pace in the last months"),
    "feature_use_against_usual": _whole("uses of features {pace} its usual pace in the last weeks"),
    # billing
    "in_dunning": _whole("the last payment failed"),
    "failed_payments": Said(f"payments that failed {IN_DAYS}: {{value}}"),
    "failed_payment_share": Said(f"{{value}} of the payment attempts {IN_DAYS} failed"),
    "days_since_failed_payment": Said("a payment failed {value} ago"),
    "days_to_card_expiry": _whole("the payment card expires in {value}"),
    "card_expired": _whole("the payment card has expired"),
    "list_price_step_ahead": _whole("its list price is announced to rise by {value}"),
    "price_rise": Said("its price per seat rose by {value} in 90 days"),
    "mrr_contraction": Said("monthly recurring revenue fell by {value} in 90 days"),
    "invoices_overdue": Said("invoices overdue: {value}"),
    "days_overdue": Said("the oldest overdue invoice was due {value} ago"),
    "days_late": Said(f"invoices paid {{value}} late on average {IN_DAYS}"),
}  # fmt: skip
# A card that feeds the model -> cards that measure the same thing over whole days; they are easier to read.
PLAIN_MEASURES: dict[str, tuple[str, ...]] = {
    "error_share_usual": ("error_rate",),
    "errors_above_usual": ("error_rate",),
    "load_time_usual": ("load_time_p75",),
    "load_time_above_usual": ("load_time_p75",),
    "task_failures_usual": ("task_failure_rate",),
    "task_failures_above_usual": ("task_failure_rate",),
    "rage_clicks_above_usual": ("rage_clicks_per_visit",),
    "ticket_pace_usual": ("tickets_opened",),
    "tickets_now_against_usual": ("tickets_opened",),
    "tickets_lately_against_usual": ("tickets_opened",),
    "voice_lately": ("nps_latest", "csat_mean"),
    "voice": ("nps_latest", "csat_mean"),
    "ticket_voice": ("ticket_csat",),
    "first_response_hours_usual": ("first_response_time",),
    "resolution_hours_usual": ("resolution_time",),
    "resolution_hours_lately": ("resolution_time",),
    "visit_pace": ("visits", "active_days"),
    "visit_pace_per_seat": ("visits", "active_days"),
    "features_per_visit_usual": ("feature_use",),
    "features_per_visit_lately": ("feature_use",),
    "failed_payment_share": ("failed_payments",),
    "days_since_failed_payment": ("failed_payments",),
    "days_to_card_expiry": ("card_expired",),
}
# Cards that are null where nothing is wrong: any value is worse, and the median of those that have one is not typical.
NULL_IS_BEST = frozenset({"list_price_step_ahead", "oldest_open_ticket", "days_overdue"})
FROM_DUE = frozenset({"days_late"})  # cards whose values below 0 are early: evidence above 0 alone
AHEAD = frozenset({"days_to_card_expiry"})  # cards of a day to come: evidence up to the headline horizon alone


def sentence(column: ModelColumn, value: float, before: float | None, typical: float | None, currency: str) -> str:
    """Return one piece of evidence in words; `before`: 30 days earlier, `typical`: of like accounts, where known.

    The value before is left out where it reads the same.
    """
    default = f"{column.sentence[:1].lower()}{column.sentence[1:]}".replace("{", "{{").replace("}", "}}")
    is_ours = not column.is_given or column.name in OUR_COLUMNS  # else its name may be ours, its meaning is not
    words = SENTENCES.get(column.card if is_ours else "", Said(f"{default}: {{value}}"))
    text = words.text.format(
        value=measured(value, column.unit, currency),
        days=column.window,
        hundred=f"{100 * value:.1f}",
        pace=against_usual(value) if column.unit == "log ratio" else "",
    )
    if not words.compared:
        return text
    if before is not None and measured(before, column.unit, currency) != measured(value, column.unit, currency):
        text += f", {measured(before, column.unit, currency)} before"
    if typical is not None:
        text += f"; typical for accounts like it {measured(typical, column.unit, currency)}"
    return text
