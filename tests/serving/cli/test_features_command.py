"""`undertow features --as-of`: typed twice, it does its work once, and compiles its SQL once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.serving.cli.typed import json_of, undertow
from undertow.features.settings import Settings

WORLD: dict[str, list[Mapping[str, object]]] = {
    "accounts.csv": [{"account_id": "ada", "created_at": "2024-01-01"}],
    "subscriptions.csv": [{"account_id": "ada", "subscription_id": "s", "started_at": "2024-01-01", "mrr": 50}],
}


def _written(folder: Path) -> dict[Path, int]:
    """Every path below a folder, and when it was last changed."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_features_as_of_typed_twice_changes_nothing(project: Callable[..., Settings]) -> None:
    settings = project(WORLD, "[data]\nuntil = 2024-06-15")
    told, written = [], []
    for _ in range(2):
        told.append(json_of("features", "--project", str(settings.folder), "--as-of", "2024-04-01", "--json"))
        written.append(_written(settings.store_path("features")) | _written(settings.store_path("tables")))
    assert told[0] == told[1]
    assert written[0] == written[1]
    assert (told[0]["as_ofs"], told[0]["rows"]) == (["2024-04-01"], 1)


OWN = """
[data]
until = 2024-06-15
[events]
kinds = ["delivery"]
[[features]]
name = "late_deliveries"
sentence = "Late deliveries"
family = "cx"
level = "journey"
unit = "count"
table = "events"
where = { kind = "delivery", name = "late" }
measure = "count"
windows = [30]
trend = 30
"""


def test_features_of_ones_own_are_printed_beside_the_others(project: Callable[..., Settings]) -> None:
    event = {"account_id": "ada", "occurred_at": "2024-03-20", "kind": "Delivery", "name": "late"}
    folder = str(project(WORLD | {"events.csv": [event]}, OWN).folder)
    words = ("features", "--project", folder, "--as-of", "2024-04-01")
    told = undertow(*words)
    assert "Your own: late_deliveries (late_deliveries_30, late_deliveries_trend_30)." in told.stdout
    assert {"late_deliveries_30", "errors_30"} <= set(json_of(*words, "--json")["columns"])
    assert "the word 'delivery'" not in undertow("check", "--project", folder).stdout


@pytest.mark.parametrize("command", ["check", "features", "train", "backtest", "score", "audit"])
def test_a_wrong_feature_of_ones_own_is_refused_before_any_row_is_read(
    project: Callable[..., Settings], command: str
) -> None:
    settings = project(WORLD | {"events.csv": "account_id\n"}, OWN.replace('"count"\nwindows', '"cuont"\nwindows'))
    told = undertow(command, "--project", str(settings.folder))
    assert told.exit_code == 1
    assert "[[features]] 'late_deliveries': unknown measure 'cuont'. Did you mean 'count'?" in told.stderr
    assert not settings.store_path().exists()


LISTS_IMPORTS = """
import sys
from undertow.serving.cli.commands import app
app(standalone_mode=False)
slow = {"sqlglot", "undertow.features.compiler.plan", "pandas", "lightgbm", "sklearn", "mlflow"}
print(sorted(slow & set(sys.modules)), file=sys.stderr)
"""


def test_features_are_built_again_without_importing_sqlglot_or_pandas(project: Callable[..., Settings]) -> None:
    """Their SQL was compiled before, for another as_of; the first build needs sqlglot."""
    settings = project(WORLD, "[data]\nuntil = 2024-06-15")
    told = []
    for as_of in ("2024-04-01", "2024-05-01"):
        words = ["features", "--project", str(settings.folder), "--as-of", as_of]
        command = [sys.executable, "-c", LISTS_IMPORTS, *words]
        told.append(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True))
        shutil.rmtree(settings.store_path("features"))
    assert [done.stderr.splitlines()[-1] for done in told] == ["['sqlglot', 'undertow.features.compiler.plan']", "[]"]
    assert all("1 snapshots of 1 accounts" in done.stdout for done in told)
