"""How often the first family stays first over retrained models: counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from undertow.training.bundle.stability import FEW, Stability, leads, stability_of

UX_CLEAR, UX_JUST, CX = [0.05, 0.01, 0.0, 0.0], [0.05, 0.045, 0.0, 0.0], [0.0, 0.05, 0.0, 0.0]


def test_the_lead_is_the_first_family_less_the_second() -> None:
    assert leads(np.array([UX_CLEAR, [-0.2, -0.1, -0.4, -0.3]])) == pytest.approx([0.04, 0.1])


def test_agreement_is_the_share_of_retrained_models_with_the_same_first_family() -> None:
    n = 5 * FEW
    served, other = np.array([UX_CLEAR] * n), np.array([CX] * n)
    measured = stability_of(served, [served, served, other, served], np.linspace(0.01, 0.5, n))
    assert measured.models == 4
    assert [measured.agreement(p, lead=0.04) for p in (0.02, 0.2, 0.9)] == [0.75] * 3


def test_accounts_without_a_clear_lead_are_counted_apart() -> None:
    n = 10 * FEW
    served = np.array([UX_CLEAR, UX_JUST] * (n // 2))
    other = np.array([UX_CLEAR, CX] * (n // 2))
    measured = stability_of(served, [other], np.repeat(np.linspace(0.01, 0.5, n // 2), 2))
    assert measured.agreement(0.2, lead=0.01) == 1.0
    assert measured.agreement(0.2, lead=0.0099) == 0.0


def test_bands_hold_a_fifth_of_the_accounts_each() -> None:
    probability = np.linspace(0.0, 1.0, 5 * FEW + 1)
    served = np.array([UX_CLEAR] * len(probability))
    other = np.where(probability[:, None] < 0.2, served, [CX])
    measured = stability_of(served, [other], probability)
    assert measured.edges == pytest.approx((0.2, 0.4, 0.6, 0.8))
    assert [measured.agreement(p, lead=0.04) for p in (0.1, 0.5, 1.0)] == [1.0, 0.0, 0.0]


def test_the_share_of_too_few_accounts_is_not_stated() -> None:
    served = np.array([UX_CLEAR] * (FEW - 1))
    measured = stability_of(served, [served], np.full(FEW - 1, 0.1))
    assert measured.agreement(0.1, lead=0.04) is None
    assert Stability().agreement(0.1, lead=0.04) is None  # it was not measured


def test_it_is_the_same_once_written_as_json_and_read() -> None:
    measured = Stability((0.1,), (0.9, 0.95), (0.6, None), models=5)
    assert Stability.from_json(json.loads(json.dumps(measured.as_json()))) == measured
