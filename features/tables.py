"""The input tables and their data contracts: ten tables, merged accounts, health scores, list prices, exchange rates.

All times are UTC. Point-in-time rule: a row counts at an as_of only if it had happened *and* was
recorded before it; a late-known column (`known_from`) counts only from the time named there.
Only `accounts` must be given; every other table may be absent.
"""

from __future__ import annotations

from dataclasses import dataclass

SQL_TYPES = {"text": "VARCHAR", "time": "TIMESTAMP", "number": "DOUBLE", "flag": "BOOLEAN"}


@dataclass(frozen=True)
class TableColumn:
    """One column of an input table.

    `type`: text, time (UTC), number or flag. `required`: a null sends the row to quarantine.
    `known_from`: the time column from which a late-known value counts (often itself).
    `planned`: a time that is set in advance and known with the row, such as a due date.
    `default`: the column whose value is used where this one is null or absent.
    `minimum`: the smallest valid value of a number. `is_id`: names an account, a user or a row. `is_word`: a
    word of a fixed vocabulary, stored in lower case (a currency in upper case). `is_money`: an amount in a currency.
    `is_computed`: written by the loading of the tables, never read from a source. `also`: another name that the column
    may have in a source.
    """

    name: str
    type: str
    required: bool = False
    known_from: str | None = None
    planned: bool = False
    default: str | None = None
    minimum: float | None = None
    is_id: bool = False
    is_word: bool = False
    is_money: bool = False
    is_computed: bool = False
    also: str | None = None

    def has_rule(self, table: Table) -> bool:
        """Return whether the contract states from when this time column is known (point-in-time rule)."""
        return self.planned or self.known_from is not None or self.name in (table.happened_at, "recorded_at")


@dataclass(frozen=True)
class Table:
    """One input table and its data contract: name, key, time column and columns.

    `one_row_is`: what one row stands for, in words. `key`: the columns that identify a row.
    `happened_at`: the time column of the event itself. `invents_key`: a missing key is replaced by the row
    number instead of quarantined (logs rarely have a key). `ordered`: pairs (earlier, later) of time columns; a later
    one that is up to a second too early is set to the earlier one, as two systems keep two clocks. `spared`: of those,
    later columns that count as missing where they are earlier still, and do not cost the row.
    `filled`: pairs (column, other): where the column is not null, the other must not be. `of_account`: the
    column that must name a known account; None where rows belong to no account. `has_versions`: rows are states that
    a source may write again; `superseded_at` then holds when a newer state of the row was recorded. `is_long`: it has
    so many rows that the stored ones also hold the key of the account, and the UTC days on which the row happened and
    from which it counts, so that no query derives them. `is_judged`: it is compared with what happened and is no input
    of a feature; it neither moves the end of the record nor goes over to a surviving account.
    """

    name: str
    one_row_is: str
    key: tuple[str, ...]
    happened_at: str
    columns: tuple[TableColumn, ...]
    invents_key: bool = False
    ordered: tuple[tuple[str, str], ...] = ()
    spared: tuple[str, ...] = ()
    filled: tuple[tuple[str, str], ...] = ()
    of_account: str | None = "account_id"
    has_versions: bool = False
    is_long: bool = False
    is_judged: bool = False

    def __post_init__(self) -> None:
        if self.has_versions and SUPERSEDED not in self.columns:
            object.__setattr__(self, "columns", (*self.columns, SUPERSEDED))

    @property
    def given_columns(self) -> tuple[TableColumn, ...]:
        """Return the columns that a source may give, without those that loading computes."""
        return tuple(column for column in self.columns if not column.is_computed)

    def column(self, name: str) -> TableColumn | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


ACCOUNT_KEY, HAPPENED_DAY, KNOWN_DAY = "account_key", "happened_day", "known_day"  # of the stored rows of such a table
SUPERSEDED = TableColumn("superseded_at", "time", known_from="superseded_at", is_computed=True)


def _text(name: str, **rules: object) -> TableColumn:
    return TableColumn(name, "text", **rules)  # type: ignore[arg-type]


def _time(name: str, **rules: object) -> TableColumn:
    return TableColumn(name, "time", **rules)  # type: ignore[arg-type]


def _number(name: str, **rules: object) -> TableColumn:
    return TableColumn(name, "number", **rules)  # type: ignore[arg-type]


def _late(name: str) -> TableColumn:
    """Return a time column that is known only from the time it holds, such as resolved_at."""
    return TableColumn(name, "time", known_from=name)


def _key(name: str) -> TableColumn:
    return TableColumn(name, "text", required=True, is_id=True)


def _word(name: str, **rules: object) -> TableColumn:
    return TableColumn(name, "text", is_word=True, **rules)  # type: ignore[arg-type]


def _money(name: str, **rules: object) -> TableColumn:
    return TableColumn(name, "number", is_money=True, **rules)  # type: ignore[arg-type]


ACCOUNT = _key("account_id")


def _recorded(happened_at: str) -> TableColumn:
    return _time("recorded_at", default=happened_at)


ACCOUNTS = Table(
    "accounts",
    "a customer",
    ("account_id",),
    "created_at",
    (
        ACCOUNT,
        _time("created_at", required=True),
        _text("name", default="account_id"),
        _text("segment"),
        _text("country"),
        _text("owner"),
        _text("acquisition"),
    ),
)

USERS = Table(
    "users",
    "a user's membership of an account",
    ("account_id", "user_id", "joined_at"),
    "joined_at",
    (
        ACCOUNT,
        _key("user_id"),
        _time("joined_at", required=True),
        _late("left_at"),
        _text("role"),
        _recorded("joined_at"),
    ),
    ordered=(("joined_at", "left_at"),),
    has_versions=True,
)

MERGES = Table(
    "merges",
    "an account merged into another one",
    ("account_id",),
    "merged_at",
    (
        ACCOUNT,
        _key("merged_into"),
        _time("merged_at", required=True),
        _recorded("merged_at"),
    ),
    of_account="merged_into",
)

EVENTS = Table(
    "events",
    "an event: something a user did or encountered",
    ("event_id",),
    "occurred_at",
    (
        ACCOUNT,
        _key("event_id"),
        _text("user_id", is_id=True),
        _text("session_id", is_id=True),
        _time("occurred_at", required=True),
        _recorded("occurred_at"),
        _word("kind", required=True),
        _text("name"),
        _word("platform"),
        _number("duration_ms", minimum=0),
        _number("value"),
        _text("definition"),
        TableColumn("opens_visit", "flag", is_computed=True),
    ),
    invents_key=True,
    is_long=True,
)

TICKETS = Table(
    "tickets",
    "a support ticket",
    ("ticket_id",),
    "opened_at",
    (
        ACCOUNT,
        _key("ticket_id"),
        _text("user_id", is_id=True),
        _time("opened_at", required=True),
        _recorded("opened_at"),
        _word("priority"),
        _word("channel"),
        _text("topic"),
        _late("first_response_at"),
        _late("resolved_at"),
        _late("reopened_at"),
        _late("escalated_at"),
        _number("csat", known_from="csat_at"),
        TableColumn("csat_at", "time", known_from="csat_at", default="resolved_at"),
        _number("csat_scale"),
    ),
    ordered=(("opened_at", "first_response_at"), ("opened_at", "resolved_at")),
    spared=("first_response_at",),
    filled=(("csat", "csat_at"),),
    has_versions=True,
)

SURVEYS = Table(
    "surveys",
    "a survey sent, with its answer if there is one",
    ("survey_id",),
    "asked_at",
    (
        ACCOUNT,
        _key("survey_id"),
        _text("user_id", is_id=True),
        _time("asked_at", required=True, default="responded_at"),
        _late("responded_at"),
        _recorded("asked_at"),
        _word("kind", required=True),
        _number("score", known_from="responded_at"),
        _number("scale_max"),
        _number("scaled", known_from="responded_at", is_computed=True),
    ),
    invents_key=True,
    ordered=(("asked_at", "responded_at"),),
    filled=(("responded_at", "score"),),
    has_versions=True,
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    "a period on one plan at one price",
    ("subscription_id", "started_at"),
    "started_at",
    (
        ACCOUNT,
        _key("subscription_id"),
        _time("started_at", required=True),
        _recorded("started_at"),
        _time("ended_at", known_from="end_recorded_at"),
        _word("end_reason", known_from="end_recorded_at"),
        TableColumn("end_recorded_at", "time", known_from="end_recorded_at", default="ended_at"),
        _text("plan"),
        _money("mrr", required=True, minimum=0),
        _money("discount", minimum=0),
        _word("currency"),
        _number("seats", minimum=0),
        _number("term_months", minimum=0),
        _time("renews_at", planned=True),
    ),
    ordered=(("started_at", "ended_at"),),
    has_versions=True,
)

INVOICES = Table(
    "invoices",
    "a bill",
    ("invoice_id",),
    "issued_at",
    (
        ACCOUNT,
        _key("invoice_id"),
        _time("issued_at", required=True),
        _recorded("issued_at"),
        _time("due_at", planned=True),
        _late("paid_at"),
        _late("closed_at"),
        _word("closed_reason", known_from="closed_at"),
        _money("amount", required=True),
        _word("currency"),
    ),
    ordered=(("issued_at", "due_at"),),
    spared=("due_at",),
    filled=(("closed_reason", "closed_at"),),
    has_versions=True,
)

PAYMENTS = Table(
    "payments",
    "an attempt to pay, or a purchase",
    ("payment_id",),
    "attempted_at",
    (
        ACCOUNT,
        _key("payment_id"),
        _time("attempted_at", required=True),
        _recorded("attempted_at"),
        TableColumn("succeeded", "flag", required=True),
        _word("kind"),
        _money("amount"),
        _word("currency"),
    ),
    invents_key=True,
    has_versions=True,
)

# `expires_at`: the first moment at which the card is no longer valid, 00:00 UTC on the first day of the month after the
# printed one: a card that reads 05/27 expires at 2027-06-01. A new expiry date is a newer state of the row.
CARDS = Table(
    "cards",
    "a payment card on file",
    ("card_id",),
    "added_at",
    (
        ACCOUNT,
        _key("card_id"),
        _time("added_at", required=True),
        _recorded("added_at"),
        _time("expires_at", planned=True),
        _late("removed_at"),
    ),
    ordered=(("added_at", "removed_at"),),
    has_versions=True,
)

CONTACTS = Table(
    "contacts",
    "a retention contact",
    ("contact_id",),
    "contacted_at",
    (
        ACCOUNT,
        _key("contact_id"),
        _time("contacted_at", required=True),
        _recorded("contacted_at"),
        _text("campaign"),
        _word("arm"),
        _money("cost", minimum=0),
        TableColumn("accepted", "flag"),
    ),
    invents_key=True,
)

# The health score that a team already keeps: a number, or a word of an order such as red, yellow, green ([scores]).
SCORES = Table(
    "scores",
    "a health score of an account",
    ("account_id", "scored_at"),
    "scored_at",
    (
        TableColumn("account_id", "text", required=True, is_id=True, also="account"),
        _time("scored_at", required=True),
        _recorded("scored_at"),
        _word("score", required=True),
    ),
    has_versions=True,
    is_judged=True,
)

RATES = Table(
    "rates",
    "an exchange rate into the reporting currency, from a day on",
    ("currency", "valid_from"),
    "valid_from",
    (
        _word("currency", required=True),
        _time("valid_from", required=True),
        _number("rate", required=True, minimum=0),
    ),
    of_account=None,
)

# One price per plan and day, in any unit and currency that the plan keeps: only ratios of prices are used, so that
# they are never converted. A price that is valid later than today needs `announced_at`.
LIST_PRICES = Table(
    "list_prices",
    "the list price of a plan, from a day on",
    ("plan", "valid_from"),
    "announced_at",
    (
        _text("plan", required=True),
        _time("announced_at", required=True, default="valid_from"),
        _recorded("announced_at"),
        _time("valid_from", required=True, planned=True),
        _number("price", required=True, minimum=0),
        _word("currency"),
    ),
    of_account=None,
)

PLANNED_CHANGES = Table(
    "planned_changes",
    "a change of MRR that was recorded before it takes effect: an announced end, pause or start of a subscription",
    ("subscription_id", "takes_effect_at", "kind"),
    "announced_at",
    (
        ACCOUNT,
        _key("subscription_id"),
        _time("announced_at", required=True),
        _recorded("announced_at"),
        _time("takes_effect_at", required=True, planned=True),
        _word("kind", required=True),
        _money("mrr", required=True, minimum=0),
    ),
    has_versions=True,
)

# `rise`: the new list price of the subscription's plan divided by the old one, minus 1; a cut is below 0.
PRICE_STEPS = Table(
    "price_steps",
    "a change of the list price of a plan that takes effect while a paid subscription to it runs",
    ("subscription_id", "takes_effect_at"),
    "announced_at",
    (
        ACCOUNT,
        _key("subscription_id"),
        _time("announced_at", required=True),
        _recorded("announced_at"),
        _time("takes_effect_at", required=True, planned=True),
        _number("rise", required=True, minimum=-1),
    ),
    has_versions=True,
)

VISITORS = Table(
    "visitors",
    "an event of a user who belonged to no account at that time",
    ("event_id",),
    "occurred_at",
    tuple(column for column in EVENTS.columns if column.name != "account_id"),
    of_account=None,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        ACCOUNTS,
        MERGES,
        USERS,
        EVENTS,
        TICKETS,
        SURVEYS,
        SUBSCRIPTIONS,
        INVOICES,
        PAYMENTS,
        CARDS,
        CONTACTS,
        SCORES,
        RATES,
        LIST_PRICES,
    )
}
# computed by loading
DERIVED: dict[str, Table] = {table.name: table for table in (PLANNED_CHANGES, PRICE_STEPS, VISITORS)}
ALL_TABLES: dict[str, Table] = TABLES | DERIVED

EVENT_KINDS = (
    "page_view",
    "click",
    "impression",
    "error",
    "crash",
    "rage_click",
    "dead_click",
    "task_started",
    "task_completed",
    "task_failed",
    "web_vital",
    "conversion",
    "feature_used",
    "login",
)
SURVEY_KINDS = ("nps", "csat", "ces")
VITALS = ("LCP", "INP", "CLS")
PRIORITIES = ("low", "normal", "medium", "high", "urgent")
PAYMENT_KINDS = ("attempt", "refund", "chargeback", "zero")
PLANNED_KINDS = ("end", "pause", "start")
SCORE_COLOURS = ("red", "orange", "amber", "yellow", "green")  # health scores that need no order, the worst first
