"""[[playbook]]: what to do about an account at risk, by why it may leave and what its score reacts to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from undertow.features.settings.contact import Cause
from undertow.features.settings.frozen import Frozen, Names

MOST_TEXT = 200  # characters
Text = Annotated[str, Field(min_length=1, max_length=MOST_TEXT, pattern=r"^[^\r\n]*\S[^\r\n]*$")]


class Play(Frozen):
    """One entry of [[playbook]]: what is done (`do`), by whom (`who`), within how many days of the list's as_of.

    It is for accounts that meet all of `notice`, `cause`, `family` and `segment` that are given: whether they gave
    notice, their likelier cause, the family of measures that their score reacts to first, and their segment.
    """

    do: Text
    who: Text = "the owner"
    within_days: int = Field(14, ge=0, le=366)
    notice: bool = False
    cause: Cause | None = None
    family: Literal["ux", "cx", "usage", "billing"] | None = None
    segment: Names = ()

    @model_validator(mode="after")
    def _no_cause_of_a_notice(self) -> Play:
        if self.notice and (self.cause or self.family):
            raise ValueError("of accounts that gave notice no other cause or family is known; leave it out")
        return self

    def suits(self, notice: bool, cause: str, family: str | None, segment: str | None) -> bool:
        """Return whether the entry is for such an account; `family`: None where none stands out."""
        return (
            self.notice == notice
            and self.cause in (None, cause)
            and self.family in (None, family)
            and (not self.segment or segment in self.segment)
        )


DEFAULT_PLAYBOOK = (
    Play(do="Ask why they leave", within_days=7, notice=True),
    Play(do="Ask for another card", who="billing", within_days=3, cause="involuntary"),
    Play(do="Review their tickets, then call", within_days=5, family="cx"),
    Play(do="Review their errors, then call", within_days=7, family="ux"),
    Play(do="Ask what they no longer use", family="usage"),
    Play(do="Call about price and plan", family="billing"),
    Play(do="Call and ask how it goes"),
)


def play_for(
    playbook: Sequence[Play], notice: bool, cause: str, family: str | None, segment: str | None
) -> tuple[Play, bool]:
    """Return the first entry for such an account, and whether it is one of DEFAULT_PLAYBOOK, which come last.

    >>> play_for((), False, "involuntary", "cx", None)[0].who
    'billing'
    """
    for play in playbook:
        if play.suits(notice, cause, family, segment):
            return play, False
    return next(play for play in DEFAULT_PLAYBOOK if play.suits(notice, cause, family, segment)), True
