"""One step of the simulation changes nothing but its result, and draws the same random numbers whatever it computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.features.simulator.small_world import SMALL, same_state
from undertow.features.simulator import World
from undertow.features.simulator.history import stream
from undertow.features.simulator.world import step


def test_a_step_leaves_its_inputs_as_they_were_and_repeats_itself(village: World) -> None:
    p, day = village.parameters, 75
    state = village.state_at(day)
    before = state.each(np.copy), village.static.each(np.copy)
    rng = stream(1)
    once = step(p, village.static, state, day, rng, village.release_effects)
    again = step(p, village.static, state, day, stream(1), village.release_effects)
    assert all(same_state(one, other) for one, other in zip(once, again, strict=True))
    assert same_state(state, before[0]) and same_state(village.static, before[1])
    assert not same_state(once[0], step(p, village.static, state, day, rng, village.release_effects)[0])


def test_a_step_draws_as_many_numbers_whatever_a_lever_changes(village: World) -> None:
    pulled = replace(SMALL, load_shift=-0.5, error_factor=0.5, support_speed=3.0, recovery=0.9, price_rise=0.0)
    one, other = stream(1), stream(1)
    for day in range(60, 90):
        state = village.state_at(day)
        step(SMALL, village.static, state, day, one, village.release_effects)
        step(pulled, village.static, state, day, other, village.release_effects)
        assert one.random() == other.random()
