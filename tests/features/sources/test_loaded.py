"""What loading reports: which rows were refused and what they were worth, and what stops every job."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.features.sources.files_by_hand import NOW, Project
from tests.features.sources.rows_by_hand import ACCOUNTS as TWO_ACCOUNTS
from tests.features.sources.rows_by_hand import GOOD
from undertow.features.errors import ContractError
from undertow.features.settings import FILE_NAME, Settings, load_settings
from undertow.features.sources.load import load_tables, read_tables
from undertow.features.sources.loaded import Tables

Row = Mapping[str, object]
ACCOUNTS: list[Row] = [{"account_id": f"a{n}", "created_at": "2024-01-05"} for n in range(40)]
SUBSCRIPTIONS: list[Row] = [
    {**GOOD["subscriptions"], "account_id": f"a{n}", "subscription_id": n, "mrr": 900 if n < 4 else 100}
    for n in range(40)
]


def test_repeats_are_counted_but_are_not_dirt(project: Project) -> None:
    event = {**GOOD["events"], "event_id": "e"}
    tables = load_tables(project({"accounts.csv": TWO_ACCOUNTS, "events.csv": [event] * 9}), NOW)
    assert (tables.report("events").kept, tables.report("events").refused, tables.warnings) == (1, 0, ())


def refused(project: Project, toml: str = "") -> Settings:
    """Four accounts cannot be read, and with them half of the MRR has no account."""
    accounts = [{**row, "created_at": "soon"} if n < 4 else row for n, row in enumerate(ACCOUNTS)]
    return project({"accounts.csv": accounts, "subscriptions.csv": SUBSCRIPTIONS}, toml)


def test_what_was_refused_is_said_with_its_worth(project: Project) -> None:
    tables = read_tables(refused(project), NOW)
    assert tables.refused_text == (
        "Refused: 4 of 40 rows of accounts (4 accounts); "
        "4 of 40 rows of subscriptions (4 accounts, 3,600 EUR of MRR, 50%)."
    )


def test_a_refusal_below_the_limit_is_said_too(project: Project) -> None:
    events = [{**GOOD["events"], "account_id": "a1"}] * 40 + [{**GOOD["events"], "account_id": "nobody"}]
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": events}), NOW)
    assert tables.warnings[0] == "Refused: 1 of 41 rows of events (1 account). `undertow check` shows why."


def test_the_limit_counts_money_too(project: Project) -> None:
    """A tenth of the rows is below the limit, half of the MRR is not."""
    with pytest.raises(ContractError, match=r"subscriptions: 4 of 40 rows \(10%, 3,600 EUR \(50%\) of MRR\)"):
        load_tables(refused(project, "[data]\nmax_quarantine_share = 0.2"), NOW)
    assert load_tables(refused(project, "[data]\nmax_quarantine_share = 0.5"), NOW).report("accounts").kept == 36


def test_subscriptions_that_ended_are_worth_nothing(project: Project) -> None:
    ended = [{**row, "ended_at": "2024-04-01"} if n < 4 else row for n, row in enumerate(SUBSCRIPTIONS)]
    tables = read_tables(project({"accounts.csv": ACCOUNTS[4:], "subscriptions.csv": ended}), NOW)
    assert tables.report("subscriptions").refused_mrr == 0


def test_a_new_end_of_the_record_or_another_limit_reads_nothing_again(project: Project) -> None:
    settings = project({"accounts.csv": ACCOUNTS, "subscriptions.csv": SUBSCRIPTIONS})
    first = load_tables(settings, NOW)

    def again(toml: str) -> Tables:
        text = (settings.folder / FILE_NAME).read_text(encoding="utf-8").partition("[data]")[0]
        (settings.folder / FILE_NAME).write_text(text + toml, encoding="utf-8")
        return load_tables(load_settings(settings.folder), NOW)

    ended = again("[data]\nuntil = 2024-03-02\nmax_quarantine_share = 0.2\n")
    assert (ended.folder, f"{ended.until:%Y-%m-%d}") == (first.folder, "2024-03-02")
    assert again("[data]\nfuture_hours = 48\n").folder != first.folder


def test_events_of_nobody_are_refused(project: Project) -> None:
    events = [{"user_id": "u", "occurred_at": "2024-03-01", "kind": "login"}]
    users = [{"user_id": "v", "account_id": "a1", "joined_at": "2024-02-01"}]
    with pytest.raises(ContractError, match=r"events: no row belongs to an account\. Add account_id"):
        load_tables(project({"accounts.csv": ACCOUNTS, "users.csv": users, "events.csv": events}), NOW)


def test_events_of_users_without_an_account_are_kept_apart(project: Project) -> None:
    events = [{**GOOD["events"], "account_id": account, "user_id": "u"} for account in ("a1", "")]
    tables = load_tables(project({"accounts.csv": ACCOUNTS, "events.csv": events}), NOW)
    assert "visitors" in tables.present
    assert (tables.report("events").kept, tables.report("events").refused) == (1, 0)
