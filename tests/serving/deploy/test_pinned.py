"""The requirements of an image are those of the service, pinned, without those of tests and Spark."""

from __future__ import annotations

from pathlib import Path

from undertow.serving.deploy.pinned import pinned, reached_from

LOCK = Path(__file__).parents[3] / "requirements.lock"


def test_what_a_package_needs_is_found_through_others_and_without_its_extras() -> None:
    reached = reached_from("undertow")
    assert {"bentoml", "starlette", "numpy", "sqlalchemy"} <= reached  # the last: through mlflow
    assert not {"undertow", "pytest", "pyspark", "moto", "ruff"} & reached


def test_every_package_that_is_needed_is_pinned_once() -> None:
    lines = pinned(LOCK.read_text(encoding="utf-8"), "undertow")
    assert all("==" in line for line in lines) and len(lines) == len(set(lines)) > 50
    names = {line.partition("==")[0].lower() for line in lines}
    assert {"bentoml", "lightgbm", "mlflow", "uvicorn"} <= names and "pytest" not in names


def test_a_package_that_nothing_leads_to_is_left_out() -> None:
    assert pinned("NumPy==1\nabsent-thing==2\n# a remark", "undertow") == ["NumPy==1"]
