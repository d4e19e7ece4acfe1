"""One good row per input table, beside the accounts Ada and Bo."""

from __future__ import annotations

from collections.abc import Mapping

Row = Mapping[str, object]
ACCOUNTS: list[Row] = [
    {"account_id": "ada", "created_at": "2024-01-05 10:00:00"},
    {"account_id": "bo", "created_at": "2024-01-05 10:00:00"},
]
GOOD: dict[str, Row] = {
    "users": {"account_id": "ada", "user_id": "u1", "joined_at": "2024-02-01"},
    "events": {"account_id": "ada", "occurred_at": "2024-03-01 10:00:00", "kind": "error"},
    "tickets": {"account_id": "ada", "ticket_id": "t1", "opened_at": "2024-03-01 10:00:00"},
    "surveys": {"account_id": "ada", "responded_at": "2024-03-01", "kind": "nps", "score": 9},
    "subscriptions": {"account_id": "ada", "subscription_id": "s1", "started_at": "2024-03-01", "mrr": 50},
    "invoices": {"account_id": "ada", "invoice_id": "i1", "issued_at": "2024-03-01", "amount": 50},
    "payments": {"account_id": "ada", "attempted_at": "2024-03-01", "succeeded": "true"},
    "cards": {"account_id": "ada", "card_id": "c1", "added_at": "2024-03-01", "expires_at": "2027-06-01"},
    "contacts": {"account_id": "ada", "contacted_at": "2024-03-01"},
    "scores": {"account_id": "ada", "scored_at": "2024-03-01", "score": 72},
}
