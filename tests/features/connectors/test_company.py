"""The generated files have the vendors' forms, hold the company to the cent, and really hold the noise."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.features.connectors.company import (
    delighted,
    hubspot,
    intercom,
    product_database,
    qualtrics,
    salesforce,
    stripe,
    stripe_api,
    stripe_billing,
    stripe_expected,
    stripe_fivetran,
    zendesk,
    zendesk_fivetran,
)
from tests.features.connectors.company.company import Company
from tests.features.connectors.company.read_back import assert_same, lines, naive, table

Written = Callable[..., Path]
MONTHS = {"month": 1, "year": 12}
PER_EURO = {"eur": 100, "usd": 125, "jpy": 160}  # minor units


# --- Stripe ----------------------------------------------------------------------------------


def in_order(events: list[Any], prefix: str) -> dict[str, list[Any]]:
    """Return each event of a kind once, by the id of its object, in order of time."""
    once = {event["id"]: event for event in events if event["type"].startswith(prefix) and event["livemode"]}
    by_object: dict[str, list[Any]] = {}
    for event in sorted(once.values(), key=lambda event: event["created"]):
        by_object.setdefault(event["data"]["object"]["id"], []).append(event)
    return by_object


def mrr(subscription: Any) -> float:
    """Return the MRR in EUR of a subscription object, computed from its items and its coupon for ever alone."""
    total, months = 0.0, 1
    for item in subscription["items"]["data"]:
        price = item["price"]
        if price["recurring"]["usage_type"] == "licensed":
            packs = price["transform_quantity"]
            count = -(-item["quantity"] // packs["divide_by"]) if packs else item["quantity"]
            months = MONTHS[price["recurring"]["interval"]] * price["recurring"]["interval_count"]
            total += float(price["unit_amount_decimal"]) * count
    for discount in subscription.get("discounts") or [subscription.get("discount")]:
        if discount and discount["coupon"]["duration"] == "forever":
            percent, amount = discount["coupon"]["percent_off"], discount["coupon"]["amount_off"]
            total -= total * percent / 100 if percent else amount
    return round(total / months / PER_EURO[subscription["currency"]], 2)


def seats(subscription: Any) -> int:
    return sum(item.get("quantity", 0) for item in subscription["items"]["data"])


def period_end(subscription: Any) -> int:
    items = subscription["items"]["data"]
    return subscription.get("current_period_end") or items[0]["current_period_end"]


def tax(invoice: Any) -> int:
    return sum(each["amount"] for each in invoice.get("total_taxes", [])) or invoice.get("tax") or 0


@pytest.fixture(scope="module")
def webhooks(written: Written) -> list[Any]:
    return lines(written(stripe) / stripe.EVENTS_FILE)


def test_the_archive_holds_every_subscription_row_to_the_cent_and_the_second(
    company: Company, webhooks: list[Any]
) -> None:
    """A row begins where an active subscription's MRR or seats change; renewals and past_due begin none."""
    customers = {customer.id: customer.account for customer in stripe_billing.customers(company)}
    found = []
    for name, events in in_order(webhooks, "customer.subscription.").items():
        row: tuple[object, ...] = ()
        for event in events:
            object_ = event["data"]["object"]
            if object_["status"] in ("active", "past_due") and (mrr(object_), seats(object_)) != row:
                row = (mrr(object_), seats(object_))
                account, began = customers[object_["customer"]], pd.Timestamp(event["created"], unit="s")
                found.append((account, name, began, *row, pd.Timestamp(period_end(object_), unit="s")))
    found = [row for row in found if row[0] is not None]
    expected = stripe_expected.expected_subscriptions(company)
    columns = ["account_id", "subscription_id", "started_at", "mrr", "seats", "renews_at"]
    assert sorted(found) == sorted(expected[columns].itertuples(index=False, name=None))


def test_the_archive_tells_when_and_why_a_subscription_ended(company: Company, webhooks: list[Any]) -> None:
    expected = stripe_expected.expected_subscriptions(company)
    expected = expected[expected["end_reason"].notna() & (expected["end_reason"] != "changed")]
    found = {}
    for name, [event] in in_order(webhooks, "customer.subscription.deleted").items():
        object_ = event["data"]["object"]
        if object_["trial_end"] != period_end(object_):  # a trial that was cancelled
            reason = object_["cancellation_details"]["reason"].replace("cancellation_requested", "cancelled")
            found[name] = (*(pd.Timestamp(at, unit="s") for at in (object_["ended_at"], event["created"])), reason)
    rows = expected[["subscription_id", "ended_at", "end_recorded_at", "end_reason"]]
    assert found == {row[0]: row[1:] for row in rows.itertuples(index=False, name=None)}
    assert (expected["end_recorded_at"] > expected["ended_at"]).any()


def test_no_two_states_of_a_subscription_have_one_second(webhooks: list[Any]) -> None:
    for events in in_order(webhooks, "customer.subscription.").values():
        times = [event["created"] for event in events]
        assert len(times) == len(set(times)) and events[0]["type"] == "customer.subscription.created"


def test_the_archive_holds_invoices_and_charges_in_minor_units(company: Company, webhooks: list[Any]) -> None:
    invoices = [events[-1]["data"]["object"] for events in in_order(webhooks, "invoice.").values()]
    found = {
        each["id"]: round((each["total"] - tax(each)) / PER_EURO[each["currency"]], 2)
        for each in invoices
        if each["total"] and each["status"] in ("open", "paid")
    }
    expected = stripe_expected.expected_invoices(company)
    assert found == dict(zip(expected["invoice_id"], expected["amount"], strict=True))
    charges = [events[-1]["data"]["object"] for events in in_order(webhooks, "charge.").values()]
    paid = {c["id"]: round(c["amount"] / PER_EURO[c["currency"]], 2) for c in charges if c["status"] != "pending"}
    expected = stripe_expected.expected_payments(company)
    assert paid == dict(zip(expected["payment_id"], expected["amount"], strict=True))
    assert {each["currency"] for each in charges} == {"eur", "usd", "jpy"}


def test_the_archive_holds_the_noise_of_stripe(webhooks: list[Any]) -> None:
    ids = Counter(event["id"] for event in webhooks)
    assert 0.01 < sum(count > 1 for count in ids.values()) / len(ids) < 0.06
    created = [event["created"] for event in webhooks]
    assert created != sorted(created)
    assert {event["livemode"] for event in webhooks} == {True, False}
    statuses = {event["data"]["object"].get("status") for event in webhooks}
    assert statuses >= {"trialing", "incomplete_expired", "past_due", "void", "draft", "pending", "canceled"}
    objects = [event["data"]["object"] for event in webhooks]
    assert any(o["object"] == "customer" and not o["metadata"] for o in objects)
    subscriptions = [o for o in objects if o["object"] == "subscription"]
    assert any(s["cancel_at"] and not s["ended_at"] for s in subscriptions)
    assert any(s["pause_collection"] for s in subscriptions)
    prices = [item["price"] for s in subscriptions for item in s["items"]["data"]]
    assert {p["recurring"]["usage_type"] for p in prices} == {"licensed", "metered"}
    assert any(p["transform_quantity"] for p in prices) and any(p["unit_amount"] is None for p in prices)
    assert {event["api_version"] for event in webhooks} == {stripe.BEFORE_BASIL, stripe.BASIL}


def test_an_account_that_returned_has_a_second_customer(company: Company) -> None:
    accounts = Counter(c.account for c in stripe_billing.customers(company) if c.livemode and c.account)
    returned = company.tables["subscriptions"].query("subscription_id.str.endswith('-2')")["account_id"]
    assert {account for account, count in accounts.items() if count > 1} == set(returned) != set()


def test_discounts_may_be_ids_whose_coupon_is_in_another_event(written: Written) -> None:
    events = lines(written(stripe, expanded=False) / stripe.EVENTS_FILE)
    ids = {d for e in events for d in e["data"]["object"].get("discounts", []) if isinstance(d, str)}
    created = {e["data"]["object"]["id"] for e in events if e["type"] == "customer.discount.created"}
    assert ids and ids <= created


def test_the_pages_of_the_api_hold_todays_subscriptions_alone(company: Company, written: Written) -> None:
    paths = sorted(written(stripe_api).glob("stripe_subscriptions-*.json"))
    pages = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    assert {page["object"] for page in pages} == {"list"} and not pages[-1]["has_more"]
    known = {customer.id for customer in stripe_billing.customers(company) if customer.account}
    found = {
        each["id"]: (mrr(each), seats(each), each["ended_at"] is None)
        for page in pages
        for each in page["data"]
        if each["customer"] in known and each["status"] in ("active", "past_due", "canceled")
    }
    expected = stripe_api.expected_subscriptions(company).set_index("subscription_id")
    trials = set(found) - set(expected.index)
    assert trials and {found[name][2] for name in trials} == {False}, "only trials that were cancelled are more"
    rows = zip(expected["mrr"], expected["seats"], expected["ended_at"].isna(), strict=True)
    assert {name: row for name, row in found.items() if name not in trials} == dict(
        zip(expected.index, rows, strict=True)
    )


def test_fivetrans_history_has_one_active_row_per_subscription(written: Written) -> None:
    history = pd.read_csv(written(stripe_fivetran) / "stripe_subscription_history.csv")
    assert (history[history["_fivetran_active"]]["id"].value_counts() == 1).all()
    assert history["id"].nunique() == history["_fivetran_active"].sum() < len(history)
    history = history.sort_values(["id", "_fivetran_start"])
    follows = history["id"] == history["id"].shift()
    assert (history["_fivetran_start"] == history["_fivetran_end"].shift())[follows].all()
    assert set(history["status"]) >= {"trialing", "active", "past_due", "canceled", "incomplete_expired"}


def test_the_lines_of_an_invoice_less_its_coupon_are_its_total(company: Company, written: Written) -> None:
    folder = written(stripe_fivetran)
    invoices, items = (pd.read_csv(folder / f"stripe_{name}.csv") for name in ("invoice", "invoice_line_item"))
    subtotal = invoices["id"].map(items.groupby("invoice_id")["amount"].sum())
    assert (subtotal == invoices["subtotal"])[subtotal.notna()].all()
    discount = invoices["subtotal"] - (invoices["total"] - invoices["tax"].fillna(0))
    is_real = invoices["id"].isin(stripe_expected.expected_invoices(company)["invoice_id"])
    discounted = company.tables["subscriptions"].query("discount > 0")["account_id"].nunique()
    assert discount[is_real].min() >= -1 and (discount[is_real] > 1).sum() > 0 and discounted
    prices, products = (pd.read_csv(folder / f"stripe_{name}.csv") for name in ("price", "product"))
    assert set(items["price_id"]) <= set(prices["id"]) and set(prices["product_id"]) <= set(products["id"])


def test_the_last_charge_before_an_involuntary_end_failed(company: Company, written: Written) -> None:
    """Fivetran has no reason of a cancellation; this is how it can be told."""
    folder = written(stripe_fivetran)
    charges = pd.read_csv(folder / "stripe_charge.csv").query("status != 'pending'").sort_values("created")
    expected = stripe_expected.expected_subscriptions(company).query("end_reason == 'payment_failed'")
    customers = {each.account: each.id for each in stripe_billing.customers(company) if each.livemode}
    for row in expected.itertuples():
        before = charges[
            (charges["customer_id"] == customers[row.account_id]) & (charges["created"] < str(row.ended_at))
        ]
        assert before["status"].iloc[-1] == "failed"
    assert len(expected)


# --- Zendesk ---------------------------------------------------------------------------------


def seconds(text: str | None) -> pd.Timestamp:
    return pd.NaT if text is None else pd.Timestamp(text).tz_localize(None)


def newest(tickets: list[Any]) -> dict[int, Any]:
    return {each["id"]: each for each in sorted(tickets, key=lambda ticket: ticket["generated_timestamp"])}


def is_of_a_customer(ticket: Any, users: dict[int, Any]) -> bool:
    requester = users[ticket["requester_id"]]
    is_noise = ticket["status"] == "deleted" or "closed_by_merge" in ticket["tags"] or requester["suspended"]
    return not is_noise and requester["role"] == "end-user" and requester["external_id"] is not None


@pytest.fixture(scope="module")
def customers_tickets(written: Written) -> dict[int, Any]:
    """Return the tickets that are left without the noise, each with its audits in order of time."""
    folder = written(zendesk)
    users = {user["id"]: user for user in lines(folder / "zendesk_users.jsonl")}
    found = newest(lines(folder / "zendesk_tickets.jsonl"))
    found = {name: ticket for name, ticket in found.items() if is_of_a_customer(ticket, users)}
    for ticket in found.values():
        ticket |= {"audits": [], "user": users[ticket["requester_id"]], "agents": users}
    for audit in sorted(lines(folder / "zendesk_ticket_audits.jsonl"), key=lambda audit: audit["created_at"]):
        if audit["ticket_id"] in found:
            found[audit["ticket_id"]]["audits"].append(audit)
    return found


def changes(ticket: Any, field: str) -> list[tuple[Any, str]]:
    return [
        (event["value"], audit["created_at"])
        for audit in ticket["audits"]
        for event in audit["events"]
        if event.get("field_name") == field
    ]


def first(times: list[str]) -> pd.Timestamp:
    return seconds(times[0] if times else None)


def answers(ticket: Any) -> list[str]:
    return [
        audit["created_at"]
        for audit in ticket["audits"]
        for event in audit["events"]
        if event["type"] == "Comment" and event["public"] and ticket["agents"][event["author_id"]]["role"] != "end-user"
    ]


def test_the_audits_hold_every_ticket_to_the_second(company: Company, customers_tickets: dict[int, Any]) -> None:
    rows = []
    for name, ticket in customers_tickets.items():
        status = changes(ticket, "status")
        solved = [at for value, at in status if value == "solved"]
        rows.append(
            {
                "ticket_id": str(name),
                "user_id": ticket["user"]["external_id"],
                "opened_at": seconds(ticket["created_at"]),
                "priority": changes(ticket, "priority")[0][0],
                "topic": ticket["custom_fields"][0]["value"],
                "first_response_at": first(answers(ticket)),
                "resolved_at": first(solved),
                "reopened_at": first([at for value, at in status if value == "open" and solved and at > solved[0]]),
                "escalated_at": first([at for tags, at in changes(ticket, "tags") if "escalated" in tags]),
            }
        )
    assert_same(pd.DataFrame(rows), zendesk.expected_tickets(company), "ticket_id")


def test_the_metric_sets_hold_minutes_and_the_last_resolution(
    company: Company, customers_tickets: dict[int, Any]
) -> None:
    rows = []
    for name, ticket in customers_tickets.items():
        metrics, opened = ticket["metric_set"], seconds(ticket["created_at"])
        reply, solved = (metrics[f"{each}_time_in_minutes"]["calendar"] for each in ("reply", "first_resolution"))
        rows.append(
            {
                "ticket_id": str(name),
                "priority": ticket["priority"],
                "first_response_at": opened + pd.Timedelta(minutes=reply) if reply is not None else pd.NaT,
                "resolved_at": opened + pd.Timedelta(minutes=solved) if solved is not None else pd.NaT,
            }
        )
    assert_same(pd.DataFrame(rows), zendesk.expected_tickets(company, history=False), "ticket_id")
    again = [t for t in customers_tickets.values() if t["metric_set"]["reopens"] and t["status"] != "open"]
    first_solved = {t["id"]: min(at for value, at in changes(t, "status") if value == "solved") for t in again}
    assert again and all(t["metric_set"]["solved_at"] > first_solved[t["id"]] for t in again)


def test_the_answers_to_surveys_and_the_legacy_ratings_hold_csat(company: Company, written: Written) -> None:
    responses = lines(written(zendesk) / "zendesk_survey_responses.jsonl")
    rated = zendesk.expected_tickets(company).dropna(subset="csat")
    found = {
        r["subjects"][0]["id"]: (r["answers"][0]["rating"], seconds(r["answers"][0]["updated_at"])) for r in responses
    }
    assert found == dict(zip(rated["ticket_id"], zip(rated["csat"], rated["csat_at"], strict=True), strict=True))
    legacy = lines(written(zendesk, legacy_ratings=True) / "zendesk_satisfaction_ratings.jsonl")
    offered = {str(r["ticket_id"]): seconds(r["created_at"]) for r in legacy if r["score"] == "offered"}
    expected = zendesk.expected_offered_surveys(company)
    assert offered == dict(zip(expected["ticket_id"], expected["asked_at"], strict=True))
    assert {r["score"] for r in legacy} == {"offered", "good", "bad"} and len(expected) > len(rated)


def test_organizations_name_their_account_in_other_case_or_by_domain(company: Company, written: Written) -> None:
    found = lines(written(zendesk) / "zendesk_organizations.jsonl")
    named = [each["external_id"] for each in found if each["external_id"]]
    assert {each.upper() for each in named} < company.account_ids and not set(named) <= company.account_ids
    bare = [each["domain_names"][0] for each in found if not each["external_id"]]
    owners = company.accounts.groupby("domain")["account_id"].count()
    assert bare and (owners[bare] == 1).all()


def test_the_export_holds_the_noise_of_zendesk(company: Company, written: Written) -> None:
    folder = written(zendesk)
    users = {user["id"]: user for user in lines(folder / "zendesk_users.jsonl")}
    tickets = lines(folder / "zendesk_tickets.jsonl")
    left_out = [ticket for ticket in newest(tickets).values() if not is_of_a_customer(ticket, users)]
    assert {t["status"] for t in left_out} >= {"deleted", "closed"}
    assert {users[t["requester_id"]]["role"] for t in left_out} == {"agent", "admin", "end-user"}
    assert any(users[t["requester_id"]]["suspended"] for t in left_out)
    assert len(tickets) > len({t["id"] for t in tickets})
    assert len({(t["id"], t["updated_at"]) for t in tickets}) > len({t["id"] for t in tickets})
    assert any(t["organization_id"] is None and users[t["requester_id"]]["organization_id"] for t in tickets)
    audits = lines(folder / "zendesk_ticket_audits.jsonl")
    assert any(event["type"] == "Comment" and not event["public"] for audit in audits for event in audit["events"])


def test_tickets_may_come_as_the_pages_of_the_api(written: Written) -> None:
    pages = [
        json.loads(path.read_text()) for path in sorted(written(zendesk, pages=True).glob("zendesk_tickets-*.json"))
    ]
    assert [page["end_of_stream"] for page in pages] == [False] * (len(pages) - 1) + [True]
    tickets = [ticket for page in pages for ticket in page["tickets"]]
    assert tickets == lines(written(zendesk) / "zendesk_tickets.jsonl")


def test_fivetrans_tables_hold_the_tickets_with_ratings_of_two_values(company: Company, written: Written) -> None:
    folder = written(zendesk_fivetran)
    tickets, history, comments, users = (
        pd.read_csv(folder / f"zendesk_{name}.csv")
        for name in ("ticket", "ticket_field_history", "ticket_comment", "user")
    )
    users = users.set_index("id")
    agents = users.index[users["role"] != "end-user"]
    answers = comments[comments["public"] & comments["user_id"].isin(agents)].groupby("ticket_id")["created"].min()
    status, groups, scores, priorities = (
        history[history["field_name"] == name].sort_values("updated")
        for name in ("status", "group_id", "satisfaction_score", "priority")
    )
    solved = status[status["value"] == "solved"].groupby("ticket_id")["updated"].min()
    opened = status[(status["value"] == "open") & (status["updated"] > status["ticket_id"].map(solved))]
    escalated = groups[groups["value"] == str(zendesk_fivetran.SECOND_LINE)].set_index("ticket_id")["updated"]
    rated = scores[scores["value"] != "offered"].set_index("ticket_id")
    found = pd.DataFrame({"ticket_id": tickets["id"].astype(str), "topic": tickets["custom_topic"]})
    found["user_id"] = tickets["requester_id"].map(users["external_id"])
    found["priority"] = tickets["id"].map(priorities.drop_duplicates("ticket_id").set_index("ticket_id")["value"])
    found["csat"] = tickets["id"].map(rated["value"]).map({"good": 5.0, "bad": 1.0})
    known = {
        "first_response_at": answers, "resolved_at": solved, "escalated_at": escalated, "csat_at": rated["updated"],
        "reopened_at": opened.groupby("ticket_id")["updated"].min(),
    }  # fmt: skip
    for name, times in known.items():
        found[name] = pd.to_datetime(tickets["id"].map(times))
    expected = zendesk.expected_tickets(company, legacy_ratings=True)
    is_real = found["ticket_id"].isin(expected["ticket_id"])
    assert_same(found[is_real], expected, "ticket_id")
    tags = pd.read_csv(folder / "zendesk_ticket_tag.csv").groupby("ticket_id")["tag"].agg(set)
    is_noise = (tickets["status"] == "deleted") | tickets["id"].map(tags).map(lambda found: "closed_by_merge" in found)
    is_noise |= tickets["requester_id"].isin(users.index[users["external_id"].isna()])
    assert (is_noise == ~is_real).all() and is_noise.any()


# --- Qualtrics, HubSpot, product database ----------------------------------------------------


def utc(text: str, zone: str) -> pd.Timestamp:
    return pd.Timestamp(text).tz_localize(zone).tz_convert("UTC").tz_localize(None)


def test_answers_and_invitations_together_are_the_surveys(company: Company, written: Written) -> None:
    folder = written(qualtrics)
    answered: dict[str, tuple[pd.Timestamp, float]] = {}
    for kind in qualtrics.SURVEYS:
        _, imports, *rows = table(folder / f"qualtrics_{kind}.csv")
        zone = json.loads(imports["EndDate"])["timeZone"]
        for row in rows:
            if row["Finished"] in ("True", "1") and row["Status"] in ("IP Address", "0"):
                answered[row["ResponseId"]] = utc(row["EndDate"], zone), float(row["Q1"])
    surveys = {each["id"]: each["surveyLink"]["surveyId"] for each in lines(folder / "qualtrics_distributions.jsonl")}
    kinds = {survey: kind for kind, survey in qualtrics.SURVEYS.items()}
    contacts = {each["contactId"]: each for each in lines(folder / "qualtrics_contacts.jsonl")}
    users = {email.lower(): user for user, email in company.email_of.items()}
    rows = []
    for each in lines(folder / "qualtrics_distribution_history.jsonl"):
        contact, answer = contacts[each["contactId"]], answered.get(each["responseId"], (pd.NaT, float("nan")))
        rows.append(
            {
                "distribution": each["distributionId"],
                "contact": each["contactId"],
                "user_id": contact["extRef"] or users[contact["email"].lower()],
                "kind": kinds[surveys[each["distributionId"]]],
                "asked_at": naive(each["sentAt"]),
                "responded_at": answer[0],
                "score": answer[1],
            }
        )
    found, key = pd.DataFrame(rows), ["distribution", "contact"]
    assert not found.duplicated(key).any()
    is_too_quick = found["responded_at"] < found["asked_at"]
    assert_same(found[~is_too_quick], qualtrics.expected_surveys(company), key)
    assert len(found) == len(company.tables["surveys"]) and 0 < found["responded_at"].notna().mean() < 1
    assert any(contact["extRef"] is None for contact in contacts.values())


def test_the_answers_hold_the_noise_of_qualtrics(written: Written) -> None:
    statuses, finished = set(), set()
    for kind in qualtrics.SURVEYS:
        path = written(qualtrics) / f"qualtrics_{kind}.csv"
        labels, imports, *rows = table(path)
        assert labels["EndDate"] == "End Date" and json.loads(imports["Q1"])["ImportId"] == "QID1"
        assert len(path.read_text(encoding="utf-8").splitlines()) > len(rows) + 3, "answers with line breaks"
        statuses |= {row["Status"] for row in rows}
        finished |= {row["Finished"] for row in rows}
    assert statuses >= {"IP Address", "Survey Preview", "Spam", "0", "1", "8"}
    assert finished == {"True", "False", "1", "0"}


def test_the_companies_are_the_accounts_to_the_minute(company: Company, written: Written) -> None:
    companies = table(written(hubspot) / hubspot.FILE)
    rows = [
        {
            "account_id": each["account_id"],
            "created_at": utc(each["Create Date"], hubspot.VIEWERS_ZONE),
            "name": each["Company name"],
            "segment": each["Segment"],
            "country": each["Country/Region"],
            "owner": each["Company owner"],
            "acquisition": each["Original Traffic Source"],
            "domain": each["Company Domain Name"],
            "hubspot_id": each["Record ID"],
        }
        for each in companies
        if each["account_id"]
    ]
    assert_same(pd.DataFrame(rows), hubspot.expected_accounts(company), "account_id")
    assert len(rows) == len(company.accounts) < len(companies)
    assert (hubspot.expected_accounts(company)["created_at"] < company.accounts["created_at"]).any()
    merged = {number for each in companies for number in each["Merged record IDs"].split(";") if number}
    assert merged and not merged & {each["Record ID"] for each in companies}


def test_the_product_database_holds_the_users_to_the_microsecond(company: Company, written: Written) -> None:
    found = pd.read_csv(written(product_database) / "users.csv", parse_dates=["joined_at", "left_at"])
    assert_same(found, company.users, ["user_id", "joined_at"])
    domain = found["email"].str.split("@").str[1]
    free = domain.isin(("gmail.com", "outlook.com", "gmx.net"))
    assert 0.01 < free.mean() < 0.08 and found["email"].is_unique
    assert (domain == found["account_id"].map(company.domain_of))[~free].all()


# --- Intercom, Delighted, Salesforce ---------------------------------------------------------


def since_1970(seconds: int | None) -> pd.Timestamp:
    return pd.NaT if seconds is None else pd.Timestamp(seconds, unit="s")


def test_conversations_that_customers_began_are_the_tickets(company: Company, written: Written) -> None:
    folder = written(intercom)
    contacts = {each["id"]: each for each in lines(folder / "intercom_contacts.jsonl")}
    accounts = {each["id"]: each["company_id"] for each in lines(folder / "intercom_companies.jsonl")}
    users = {email: user for user, email in company.email_of.items()}
    rows, left_out = [], Counter[str]()
    for each in lines(folder / "intercom_conversations.jsonl"):
        contact, parts = (
            contacts[each["contacts"]["contacts"][0]["id"]],
            each["conversation_parts"]["conversation_parts"],
        )
        if each["source"]["delivered_as"] != "customer_initiated" or contact["role"] == "lead":
            left_out[each["source"]["delivered_as"]] += 1
            continue
        of_kind = {part["part_type"]: part["created_at"] for part in reversed(parts)}
        closed, rating = each["statistics"]["first_close_at"], each["conversation_rating"] or {}
        rows.append(
            {
                "ticket_id": each["id"],
                "account_id": accounts[contact["companies"]["data"][0]["id"]],
                "user_id": contact["external_id"] or users[contact["email"]],
                "opened_at": since_1970(each["created_at"]),
                "first_response_at": since_1970(each["statistics"]["first_admin_reply_at"]),
                "resolved_at": since_1970(closed),
                "reopened_at": since_1970(of_kind.get("open")),
                "escalated_at": since_1970(of_kind.get("assignment")),
                "csat": rating.get("rating", float("nan")),
                "csat_at": since_1970(rating.get("created_at")),
                "topic": each["custom_attributes"]["Topic"],
                "is_priority": each["priority"] == "priority",
            }
        )
    assert_same(pd.DataFrame(rows), intercom.expected_conversations(company), "ticket_id")
    assert set(left_out) == {"admin_initiated", "operator_initiated", "customer_initiated"}
    assert any(contact["external_id"] is None and contact["role"] == "user" for contact in contacts.values())


def test_delighteds_responses_are_the_answers_alone(company: Company, written: Written) -> None:
    users = {email: user for user, email in company.email_of.items()}
    responses = lines(written(delighted) / "delighted_survey_responses.jsonl")
    rows = [
        {
            "survey_id": each["id"],
            "user_id": users[each["person"]["email"]],
            "responded_at": since_1970(each["created_at"]),
            "kind": each["survey_type"],
            "score": float(each["score"]),
        }
        for each in responses
        if each["person"]["email"] in users
    ]
    assert_same(pd.DataFrame(rows), delighted.expected_surveys(company), "survey_id")
    assert 0 < len(rows) < len(responses) and any(each["updated_at"] > each["created_at"] for each in responses)
    exported = table(written(delighted) / "delighted_responses.csv")
    assert [(each["ID"], utc(each["Created At (UTC)"], "UTC")) for each in exported] == [
        (each["id"], since_1970(each["created_at"])) for each in responses
    ]


def test_salesforces_accounts_are_those_with_an_account_id(company: Company, tmp_path: Path) -> None:
    """An account that was merged is a deleted row that names the other one."""
    merge = {"account_id": ["A-00005"], "merged_into": ["A-00006"], "merged_at": [pd.Timestamp("2024-02-03 12:00")]}
    merged = replace(company, tables=company.tables | {"merges": pd.DataFrame(merge)})
    salesforce.write(merged, tmp_path)
    rows = table(tmp_path / "salesforce_account.csv")
    owners = {each["Id"]: each["Name"] for each in table(tmp_path / "salesforce_user.csv")}
    of_record = {row["Id"]: row["Account_Id__c"] for row in rows}
    found = [
        {
            "account_id": row["Account_Id__c"],
            "created_at": naive(row["CreatedDate"]),
            "name": row["Name"],
            "segment": row["Segment__c"],
            "country": row["BillingCountry"],
            "owner": owners[row["OwnerId"]],
            "acquisition": row["AccountSource"],
            "salesforce_id": row["Id"],
        }
        for row in rows
        if row["Account_Id__c"]
    ]
    assert_same(pd.DataFrame(found), salesforce.expected_accounts(merged), "account_id")
    merges = [
        {
            "account_id": row["Account_Id__c"],
            "merged_into": of_record[row["MasterRecordId"]],
            "merged_at": naive(row["SystemModstamp"]),
        }
        for row in rows
        if row["MasterRecordId"] and row["Account_Id__c"]
    ]
    assert_same(pd.DataFrame(merges), salesforce.expected_merges(merged), "account_id")
    assert len({row["Id"] for row in rows}) == len(rows) > len(found) and {len(row["Id"]) for row in rows} == {18}
    history = table(tmp_path / "salesforce_account_history.csv")
    assert history and {each["AccountId"] for each in history} <= {row["Id"][:15] for row in rows}


# --- all -------------------------------------------------------------------------------------


VENDORS = (
    stripe, stripe_api, stripe_fivetran, zendesk, zendesk_fivetran, intercom, qualtrics, delighted, hubspot, salesforce,
    product_database,
)  # fmt: skip


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_same_company_writes_the_same_bytes(
    company: Company, written: Written, tmp_path: Path, vendor: Any
) -> None:
    vendor.write(replace(company), tmp_path)
    for path in written(vendor).iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
