"""[contact] and [[playbook]]: assumptions that say which are defaults, and an action for every account."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from undertow.features.errors import SettingsError
from undertow.features.settings import make_settings
from undertow.features.settings.playbook import DEFAULT_PLAYBOOK, Play, play_for


def test_what_nobody_stated_is_said_to_be_assumed() -> None:
    assert make_settings(Path(), {}).contact.assumed == ("save_rate", "cost")
    assert make_settings(Path(), {"contact": {"cost": 20}}).contact.assumed == ("save_rate",)


@pytest.mark.parametrize(("section", "said"), [
    ({"contact": {"save_rate": 20}}, "contact.save_rate"),
    ({"contact": {"budget": -1}}, "contact.budget"),
    ({"contact": {"budget": 2.5}}, "contact.budget"),
    ({"contact": {"cause": {"payment": {"cost": 1}}}}, "payment"),
    ({"contact": {"segment": {"smb": {"saverate": 0.1}}}}, "saverate"),
    ({"playbook": [{"who": "Mara"}]}, "do"),
    ({"playbook": [{"do": " "}]}, "do"),
    ({"playbook": [{"do": "call\nthem"}]}, "do"),
    ({"playbook": [{"do": "call", "within_days": -1}]}, "within_days"),
    ({"playbook": [{"do": "call", "family": "price"}]}, "family"),
    ({"playbook": [{"do": "call", "notice": True, "family": "ux"}]}, "of accounts that gave notice"),
])  # fmt: skip
def test_what_cannot_be_is_refused_by_its_name(section: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_settings(Path(), section)
    assert said in str(refused.value)


def test_the_run_record_names_no_colleague() -> None:
    given = {"contact": {"owner": {"Mara": {"cost": 1}}, "cost": 7}, "playbook": [{"do": "call", "who": "Tom"}]}
    recorded = json.dumps(make_settings(Path(), given).public())
    assert "Mara" not in recorded and "Tom" not in recorded and '"cost": 7.0' in recorded


def test_every_account_has_a_default_action() -> None:
    families = (None, "ux", "cx", "usage", "billing")
    found = {
        play_for((), *kind)[0].do
        for kind in product((True, False), ("voluntary", "involuntary"), families, (None, "smb"))
    }
    assert found == {play.do for play in DEFAULT_PLAYBOOK}


def test_the_first_entry_that_suits_goes_before_the_defaults() -> None:
    mine = (Play(do="visit", family="cx", segment=("enterprise",)), Play(do="write", family="cx"))
    assert play_for(mine, False, "voluntary", "cx", "enterprise") == (mine[0], False)
    assert play_for(mine, False, "voluntary", "cx", "smb") == (mine[1], False)
    other, is_default = play_for(mine, False, "voluntary", "ux", "smb")
    assert is_default and other in DEFAULT_PLAYBOOK
    assert play_for(mine, False, "voluntary", None, "smb")[1]  # no reason stands out
