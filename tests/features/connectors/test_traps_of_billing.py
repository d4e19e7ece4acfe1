"""Traps of Stripe's exports: what each vendor's field means, in small archives with the right values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.features.connectors.round_trip import NOW, make_project, rows_of
from undertow.features.settings import load_settings
from undertow.features.sources.load import read_tables
from undertow.features.sources.loaded import Tables

JANUARY = int(datetime(2024, 1, 1).timestamp())
DAY, MONTH = 86_400, 31 * 86_400
RATES = "currency,valid_from,rate\nJPY,2000-01-01,0.00625\nKWD,2000-01-01,3.0\n"
Json = dict[str, Any]


def price(amount: object, interval: str = "month", count: int = 1, **more: object) -> Json:
    recurring = {"interval": interval, "interval_count": count, "usage_type": more.pop("usage", "licensed")}
    return {"id": "price", "product": "prod", "unit_amount_decimal": amount, "recurring": recurring, **more}


def item(amount: object, quantity: int | None = 1, **more: object) -> Json:
    return {"price": price(amount, **more), "quantity": quantity, "current_period_end": JANUARY + MONTH}


def subscription(name: str, items: Iterable[Json], **more: object) -> Json:
    whole = {
        "id": f"sub_{name}", "object": "subscription", "customer": f"cus_{name}", "status": "active", "currency": "eur",
        "start_date": JANUARY, "items": {"data": list(items)}, "cancel_at": None, "cancel_at_period_end": False,
        "cancellation_details": {"reason": None}, "pause_collection": None, "discounts": [], "livemode": True,
    }  # fmt: skip
    return whole | more


class Archive:
    """An archive of webhook events, in the order in which they were delivered."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, kind: str, moment: int, whole: Mapping[str, Any], livemode: bool = True) -> None:
        event = {"id": f"evt_{len(self.lines)}", "object": "event", "type": kind, "created": moment,
                 "livemode": livemode, "data": {"object": whole}}  # fmt: skip
        self.lines.append(json.dumps(event))

    def begin(self, name: str, items: Iterable[Json], **more: object) -> Json:
        """Add a customer, and the creation of its subscription."""
        self.add("customer.created", JANUARY - DAY, {
            "id": f"cus_{name}", "object": "customer", "created": JANUARY - DAY, "email": f"{name}@{name}.example",
            "metadata": {"account_id": name},
        })  # fmt: skip
        whole = subscription(name, items, **more)
        self.add("customer.subscription.created", JANUARY, whole)
        return whole

    def change(self, whole: Json, moment: int, **changes: object) -> Json:
        """Add a later state of a subscription."""
        changed = whole | changes
        ended = changed["status"] == "canceled"
        self.add(f"customer.subscription.{'deleted' if ended else 'updated'}", moment, changed)
        return changed


def coupon(duration: str, **more: object) -> Json:
    return {"id": f"di_{duration}", "object": "discount", "coupon": {"id": "c", "duration": duration, **more}}


def _prices(archive: Archive) -> None:
    archive.begin("yen", [item("16000")], currency="jpy")
    archive.begin("dinar", [item("33000")], currency="kwd")
    archive.begin("year", [item("120000", interval="year")])
    archive.begin("quarter", [item("30000", count=3)])
    archive.begin("items", [item("1000", 7), item("500", 2), item("9", None, usage="metered")])
    archive.begin("lasting", [item("120000", interval="year")], discounts=[coupon("forever", amount_off=1200)])
    archive.begin("once", [item("1000")], discounts=[coupon("once", percent_off=50)])
    archive.begin("repeating", [item("1000")], discounts=[coupon("repeating", percent_off=50)])
    archive.begin("tiers", [item(None)])
    archive.begin("packs", [item("1000", 12, transform_quantity={"divide_by": 5, "round": "up"})])
    archive.begin("test mode", [item("1000")])
    archive.lines[-1] = archive.lines[-1].replace('"livemode": true, "data"', '"livemode": false, "data"')


def _states(archive: Archive) -> None:
    trial = {"status": "trialing", "trial_end": JANUARY + 14 * DAY}
    archive.change(archive.begin("trial", [item("1000")], **trial), JANUARY + 14 * DAY + 60, status="active")
    given_up = archive.begin("given up", [item("1000")], **trial)
    archive.change(given_up, JANUARY + 6 * DAY, status="canceled", ended_at=JANUARY + 6 * DAY)
    late = archive.change(archive.begin("late", [item("1000")]), JANUARY + 5 * DAY, status="past_due")
    archive.change(late, JANUARY + 9 * DAY, status="active")
    archive.change(archive.begin("unpaid", [item("1000")]), JANUARY + 9 * DAY, status="unpaid")
    notice = {"cancel_at_period_end": True, "cancel_at": JANUARY + MONTH}
    told = archive.change(archive.begin("notice", [item("1000")]), JANUARY + 9 * DAY, **notice)
    archive.change(told, JANUARY + MONTH, status="canceled", ended_at=JANUARY + MONTH)
    archive.change(archive.begin("announced", [item("1000")]), JANUARY + 9 * DAY, **notice)
    back = archive.change(archive.begin("taken back", [item("1000")]), JANUARY + 9 * DAY, **notice)
    archive.change(back, JANUARY + 12 * DAY, cancel_at_period_end=False, cancel_at=None)
    void = {"behavior": "void"}
    paused = archive.change(archive.begin("paused", [item("1000")]), JANUARY + MONTH, pause_collection=void)
    archive.change(paused, JANUARY + 3 * MONTH, pause_collection=None)
    draft = archive.begin("kept", [item("1000")])
    archive.change(draft, JANUARY + MONTH, pause_collection={"behavior": "keep_as_draft"})
    twice = archive.begin("twice", [item("1000")])
    archive.change(twice, JANUARY + 2 * MONTH, items={"data": [item("2000")]})
    archive.change(twice, JANUARY + MONTH, items={"data": [item("1000")]})  # a renewal, delivered late
    archive.lines += archive.lines[-2:]  # and both delivered again


def _money(archive: Archive) -> None:
    sent = {"finalized_at": JANUARY, "paid_at": None, "voided_at": None, "marked_uncollectible_at": None}
    bill = {"object": "invoice", "customer": "cus_year", "currency": "eur", "total": 1200, "tax": 200, "due_date": None}
    for name, changes in {
        "sent": {"status_transitions": sent},
        "draft": {"status_transitions": sent | {"finalized_at": None}},
        "zero": {"status_transitions": sent, "total": 0, "tax": 0},
        "void": {"status_transitions": sent | {"voided_at": JANUARY + DAY}},
        "given up": {"status_transitions": sent | {"marked_uncollectible_at": JANUARY + DAY}},
    }.items():
        archive.add("invoice.updated", JANUARY + DAY, bill | changes | {"id": f"in_{name}"})
    charge = {"object": "charge", "customer": "cus_year", "currency": "eur", "amount": 5000, "created": JANUARY}
    for status in ("succeeded", "failed", "pending"):
        archive.add(f"charge.{status}", JANUARY, charge | {"id": f"ch_{status}", "status": status})
    back = {"object": "refund", "charge": "ch_succeeded", "currency": "eur", "amount": 1000, "created": JANUARY + DAY}
    archive.add("refund.created", JANUARY + DAY, back | {"id": "re_1", "status": "succeeded"})
    archive.add("charge.dispute.created", JANUARY + DAY, back | {"id": "dp_1", "object": "dispute", "amount": 5000})


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """The tables of an archive with every trap."""
    archive, folder = Archive(), tmp_path_factory.mktemp("archive")
    for fill in (_prices, _states, _money):
        fill(archive)
    (folder / "events.jsonl").write_text("\n".join(archive.lines), encoding="utf-8")
    (folder / "rates.csv").write_text(RATES, encoding="utf-8")
    return read_tables(load_settings(make_project(Path(folder), {})), NOW)


def of(tables: Tables, table: str, account: str) -> pd.DataFrame:
    rows = rows_of(tables, table)
    return rows[rows["account_id"] == account].sort_values(TIMES[table])


TIMES = {"subscriptions": "started_at", "invoices": "invoice_id", "payments": "payment_id"}


@pytest.mark.parametrize(
    ("account", "mrr", "term", "discount", "seats"),
    [
        ("yen", 100.0, 1, 0.0, 1),
        ("dinar", 99.0, 1, 0.0, 1),
        ("year", 100.0, 12, 0.0, 1),
        ("quarter", 100.0, 3, 0.0, 1),
        ("items", 80.0, 1, 0.0, 9),
        ("lasting", 99.0, 12, 1.0, 1),
        ("once", 10.0, 1, 0.0, 1),
        ("repeating", 10.0, 1, 0.0, 1),
        ("packs", 30.0, 1, 0.0, 12),
    ],
)
def test_mrr_is_per_month_in_one_currency_less_what_lasts(
    tables: Tables, account: str, mrr: float, term: int, discount: float, seats: int
) -> None:
    [row] = of(tables, "subscriptions", account).to_dict("records")
    assert row["mrr"] == pytest.approx(mrr)
    assert (row["term_months"], row["seats"]) == (term, seats)
    assert row["discount"] == pytest.approx(discount)


def test_a_price_in_tiers_has_no_mrr_and_is_refused_never_zero(tables: Tables) -> None:
    assert of(tables, "subscriptions", "tiers").empty
    assert "mrr is missing" in [reason.reason for reason in tables.report("subscriptions").reasons]


def test_test_mode_is_no_subscription(tables: Tables) -> None:
    assert of(tables, "subscriptions", "test mode").empty


DAYS = {0: "2024-01-01", 9: "2024-01-10", 14: "2024-01-15", 31: "2024-02-01", 62: "2024-03-03", 93: "2024-04-03"}


@pytest.mark.parametrize(
    ("account", "periods"),
    [
        ("trial", [(14, None, None, None)]),
        ("given up", []),
        ("late", [(0, None, None, None)]),
        ("unpaid", [(0, 9, 9, "payment_failed")]),
        ("notice", [(0, 31, 9, "cancelled")]),
        ("announced", [(0, 31, 9, "cancelled")]),
        ("taken back", [(0, None, None, None)]),
        ("paused", [(0, 31, 31, "paused"), (93, None, None, None)]),
        ("kept", [(0, None, None, None)]),
        ("twice", [(0, 62, 62, "changed"), (62, None, None, None)]),
    ],
)
def test_periods_are_what_was_paid_and_ends_count_from_when_they_were_known(
    tables: Tables, account: str, periods: list[tuple[int | None, ...]]
) -> None:
    names = ["started_at", "ended_at", "end_recorded_at", "end_reason"]
    found = of(tables, "subscriptions", account)[names].itertuples(index=False)
    days = [tuple(None if day is None else pd.Timestamp(DAYS[day]) for day in each[:3]) for each in periods]
    expected = [(*times, each[3]) for times, each in zip(days, periods, strict=True)]
    assert [tuple(None if pd.isna(value) else value for value in each) for each in found] == expected


def test_invoices_are_those_that_were_sent_without_tax_and_closed_ones_stay(tables: Tables) -> None:
    rows = of(tables, "invoices", "year")
    assert dict(zip(rows["invoice_id"], rows["closed_reason"].fillna(""), strict=True)) == {
        "in_given up": "uncollectible", "in_sent": "", "in_void": "void"
    }  # fmt: skip
    assert set(rows["amount"]) == {10.0}


def test_payments_are_attempts_with_an_outcome_and_what_went_back(tables: Tables) -> None:
    rows = of(tables, "payments", "year")
    found = {row["payment_id"]: (row["kind"], row["succeeded"], row["amount"]) for row in rows.to_dict("records")}
    assert found == {
        "ch_failed": ("attempt", False, 50.0), "ch_succeeded": ("attempt", True, 50.0),
        "dp_1": ("chargeback", True, -50.0), "re_1": ("refund", True, -10.0),
    }  # fmt: skip
