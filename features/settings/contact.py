"""[contact]: what a contact with an account at risk is taken to cost and to save, and how many can be made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from undertow.features.settings.frozen import Frozen

SaveRate = Annotated[float, Field(ge=0, le=1)]
Cost = Annotated[float, Field(ge=0)]
Budget = Annotated[int, Field(ge=0)]
Cause = Literal["voluntary", "involuntary"]
GROUPED_BY = ("cause", "segment", "owner")  # a later one overrides an earlier one


class ContactOf(Frozen):
    """What is taken to hold for the accounts of one cause, segment or owner; None: what holds for all."""

    save_rate: SaveRate | None = None
    cost: Cost | None = None
    budget: Budget | None = None  # contacts per list with these accounts


class Contact(Frozen):
    """[contact]: the assumptions by which accounts are ranked for a contact, and the contacts that can be made.

    All are assumptions until a campaign with a control group has measured them. `cause`, `segment`, `owner`: by name,
    where they differ; for an account that several name, an owner's save rate and cost go before a segment's, and a
    segment's before a cause's. Budgets hold all at once.
    """

    save_rate: SaveRate = 0.2  # of the leavers that are contacted, the share that stays
    cost: Cost = 20.0  # of one contact, in the currency of the tables
    budget: Budget | None = None  # contacts per list; None: as many as pay
    cause: dict[Cause, ContactOf] = {}
    segment: dict[str, ContactOf] = {}
    owner: dict[str, ContactOf] = {}

    def groups(self) -> Iterator[tuple[str, str, ContactOf]]:
        """Yield (column, its value, what holds for those accounts), in the order in which they override each other."""
        for column in GROUPED_BY:
            for value, terms in getattr(self, column).items():
                yield column, value, terms

    @property
    def assumed(self) -> tuple[str, ...]:
        """The names of `save_rate` and `cost`, those that nobody stated: their defaults hold."""
        return tuple(name for name in ("save_rate", "cost") if name not in self.model_fields_set)
