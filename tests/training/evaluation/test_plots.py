"""The two pictures of a run, and the numbers behind them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from undertow.training.evaluation.plots import calibration_plot, gains, lift_plot, tenths

PNG = b"\x89PNG\r\n\x1a\n"


def test_tenths_go_from_the_lowest_score_to_the_highest() -> None:
    p = np.linspace(0, 0.99, 100)[::-1]
    predicted, observed, low, high, size = tenths(p, p >= 0.9)
    assert predicted == pytest.approx(np.arange(0.045, 1, 0.1))
    assert observed.tolist() == [0] * 9 + [1]
    assert (low <= observed).all() and (observed <= high).all()
    assert size == 10


def test_fewer_than_ten_rows_make_fewer_groups() -> None:
    predicted, *_ = tenths(np.array([0.1, 0.2, 0.3]), np.array([False, True, False]))
    assert predicted.tolist() == [0.1, 0.2, 0.3]


def test_gains_of_a_perfect_and_of_a_reversed_score() -> None:
    churned = np.array([True, True, False, False])
    contacted, found = gains(np.array([0.9, 0.8, 0.2, 0.1]), churned)
    assert contacted.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found.tolist() == [0, 0.5, 1, 1, 1]
    assert gains(np.array([0.1, 0.2, 0.8, 0.9]), churned)[1].tolist() == [0, 0, 0, 0.5, 1]


def test_gains_without_leavers_find_none() -> None:
    assert gains(np.array([0.5, 0.4]), np.array([False, False]))[1].tolist() == [0, 0, 0]


def test_both_pictures_are_png_files(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    p = random.beta(1, 8, 300)
    churned = random.uniform(size=300) < p
    calibration_plot(tmp_path / "calibration.png", p, churned, "Leaving within 90 days")
    lift_plot(tmp_path / "lift.png", {"model": p, "rule": p[::-1]}, churned, "Leavers found")
    for name in ("calibration.png", "lift.png"):
        written = (tmp_path / name).read_bytes()
        assert written.startswith(PNG)
        assert len(written) > 10_000


def test_importing_the_pictures_leaves_the_backend_of_a_notebook_as_it_was() -> None:
    code = (
        "import matplotlib; matplotlib.use('svg'); import undertow.training.evaluation.plots, "
        "undertow.training.business_metrics.plot; print(matplotlib.get_backend())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "svg"
