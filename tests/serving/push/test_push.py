"""What every push has in common: the difference to the last one, dry runs, the record, the fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.serving.push.conftest import EMAIL, NOW, ROWS, Push, run
from tests.serving.push.vendors import Vendor
from undertow.features.errors import SettingsError
from undertow.features.settings import Settings, make_settings
from undertow.serving.push.push import chosen, push

SECRET = "whsec_" + "QUJD" * 10


@pytest.fixture
def vendor(served: Callable[[Vendor], Vendor], monkeypatch: pytest.MonkeyPatch) -> Vendor:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    return served(Vendor())


def destination(vendor: Vendor, **more: Any) -> dict[str, Any]:
    return {"kind": "webhook", "url": vendor.address, "secret_env": "HOOK_SECRET"} | more


def test_a_dry_run_needs_no_secret(vendor: Vendor, pushed: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    report = pushed(dry_run=True, **destination(vendor))
    assert (report.error, report.new) == (None, 3)


def test_a_dry_run_sends_and_records_nothing(vendor: Vendor, pushed: Push, tmp_path: Path) -> None:
    pushed(**destination(vendor))
    kept = (tmp_path / "store/pushes/there.json").read_bytes()
    report = pushed(run(ROWS[1:], "b"), dry_run=True, **destination(vendor))
    assert (report.new, report.changed, report.gone, report.unchanged, report.sent) == (0, 2, 1, 0, 0)
    assert (report.last_run, report.dry_run, len(vendor.requests)) == ("2025-01-31-a", True, 1)
    assert (tmp_path / "store/pushes/there.json").read_bytes() == kept


def test_only_the_first_accounts_are_sent(vendor: Vendor, pushed: Push) -> None:
    assert pushed(**destination(vendor, top=2)).sent == 2
    sent = [each["account_id"] for each in vendor.requests[0].json()["data"]["accounts"]]
    assert sent == ["A-1", "O'Neil"]
    assert pushed(**destination(vendor, top=1)).gone == 1


def test_the_record_holds_no_secret_and_no_field_but_the_probability(
    vendor: Vendor, pushed: Push, tmp_path: Path
) -> None:
    pushed(**destination(vendor))
    path = tmp_path / "store/pushes/there.json"
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o077 == 0
    assert (json.loads(text)["run_id"], json.loads(text)["pushed_at"]) == ("2025-01-31-a", "2025-02-01T05:00:00Z")
    assert [len(mark) for mark in json.loads(text)["accounts"].values()] == [3, 3, 3]
    for hidden in (SECRET, vendor.address, EMAIL, "Nordwind", "tickets"):
        assert hidden not in text


def test_a_damaged_record_is_named_and_nothing_is_sent(vendor: Vendor, pushed: Push, tmp_path: Path) -> None:
    (tmp_path / "store/pushes").mkdir(parents=True)
    (tmp_path / "store/pushes/there.json").write_text("{", encoding="utf-8")
    report = pushed(**destination(vendor))
    assert report.error is not None and "there.json cannot be read" in report.error
    assert vendor.requests == []


def test_another_address_has_got_nothing_yet(
    vendor: Vendor, pushed: Push, served: Callable[[Vendor], Vendor]
) -> None:
    pushed(**destination(vendor))
    other = served(Vendor())
    assert pushed(**destination(other)).new == 3
    assert len(other.requests) == 1


def test_what_one_destination_refuses_does_not_stop_the_others(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_HOOK", raising=False)
    stated = {"chat": {"kind": "slack", "webhook_env": "SLACK_HOOK"}, "hook": destination(vendor)}
    settings = make_settings(tmp_path, {"destinations": stated})
    reports = push(settings, chosen(settings, ()), run(), NOW)
    assert [report.error for report in reports] == [
        "[destinations.chat]: the environment variable SLACK_HOOK is not set.", None,
    ]  # fmt: skip
    assert reports[1].sent == 3


def test_a_field_that_the_list_lacks_is_refused(vendor: Vendor, pushed: Push) -> None:
    report = pushed(**destination(vendor, also=["probability_60"]))
    assert report.error is not None and "sends probability_60, which the published list does not have" in report.error
    assert vendor.requests == []


def test_a_link_needs_the_address_of_the_service(pushed: Push) -> None:
    report = pushed(kind="hubspot", token_env="T", id_property="i", properties={"link": "undertow_link"})
    assert report.error is not None and "has no link_base" in report.error


def test_names_choose_destinations(settings_of: Callable[..., Settings]) -> None:
    settings = settings_of(kind="files", folder="out")
    assert list(chosen(settings, ["there"])) == ["there"]
    with pytest.raises(SettingsError, match=r"No destination 'their'\. Known: there\. Did you mean 'there'\?"):
        chosen(settings, ["their"])


def test_without_a_destination_it_is_said_how_to_add_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"(?s)nothing was sent\. Add one to undertow\.toml.*\[destinations\."):
        chosen(make_settings(tmp_path, {}), ())
