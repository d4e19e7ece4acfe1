"""What moved since the list before, as the page and the command line say it: the total and its largest parts."""

from __future__ import annotations

from undertow.serving.published.answers import Moved

SHOWN = 0.0005  # of the probability: less rounds to 0.0 percentage points
MOST = 2  # parts that are named


def has_moved(moved: Moved | None) -> bool:
    """Return whether a probability has moved by as much as is shown."""
    return moved is not None and moved.probability is not None and abs(moved.probability) >= SHOWN


def parts_of(moved: Moved) -> dict[str, float | None]:
    """Return the parts that add up to what moved, by name: "model", "clock" and each family.

    Empty where they are not known.
    """
    if moved.model is None or moved.clock is None:
        return {}
    return {"model": moved.model, "clock": moved.clock, **moved.families}


def largest_parts(moved: Moved) -> list[tuple[str, float]]:
    """Return the parts that moved a probability most, the largest first, at most two; none that rounds to nothing.

    >>> families = {"ux": 0.025, "cx": -0.0001}
    >>> largest_parts(Moved("2025-06-01", False, 0.1, 0.0309, 0.0, 0.006, families, None))
    [('ux', 0.025), ('clock', 0.006)]
    """
    shown = [(name, part) for name, part in parts_of(moved).items() if part is not None and abs(part) >= SHOWN]
    return sorted(shown, key=lambda each: -abs(each[1]))[:MOST]
