"""Writes Delighted's survey responses as its API gives them, and as a CSV export.

From the canonical tables: the surveys that were answered. Files: `delighted_survey_responses.jsonl` (with the person in
full, times in seconds since 1970), `delighted_people.jsonl`, and `delighted_responses.csv` (the same responses; its
headings are not taken from a page of the vendor's). The user is known by the person's e-mail address alone.

Noise that must not come back: responses of the company's own staff; a response whose score was changed later comes
once, `updated_at` is then later than `created_at`.

What cannot come back: surveys without an answer, and when a survey was sent: `asked_at` is `responded_at`
(`expected_surveys`); parts of a second. The scale follows from `survey_type`: nps 0-10, csat 1-5, ces 1-7.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from tests.features.connectors.company.company import Company, unix
from tests.features.connectors.company.files import Json, write_csv, write_lines

HEADER = (
    "ID", "Survey Type", "Score", "Comment", "Permalink", "Created At (UTC)", "Updated At (UTC)", "Person ID", "Name",
    "Email", "Tags",
)  # fmt: skip


def write(company: Company, folder: Path) -> None:
    """Write the three files."""
    found = _responses(company)
    write_lines(folder / "delighted_survey_responses.jsonl", found)
    people = {each["person"]["id"]: each["person"] for each in found}
    write_lines(folder / "delighted_people.jsonl", people.values())
    write_csv(folder / "delighted_responses.csv", HEADER, (_as_csv(each) for each in found))


def expected_surveys(company: Company) -> pd.DataFrame:
    """Return the canonical surveys that were answered, asked when they were answered, under Delighted's ids."""
    rows = company.tables["surveys"].dropna(subset=["responded_at"])
    answered = rows["responded_at"].dt.floor("s")
    ids = [response_id(each) for each in rows["survey_id"]]
    rows = rows.assign(survey_id=ids, asked_at=answered, responded_at=answered, recorded_at=answered)
    return rows.reset_index(drop=True)


def response_id(survey_id: str) -> str:
    """Return Delighted's id of a canonical survey id."""
    return str(210_000_000 + int(survey_id.removeprefix("V-")))


def _responses(company: Company) -> list[Json]:
    rows = company.tables["surveys"].dropna(subset=["responded_at"])
    chances = company.chances(len(rows), "delighted")
    found = []
    for row, chance in zip(rows.itertuples(), chances, strict=True):
        number = int(row.user_id.removeprefix("U-").replace("-", ""))
        email = company.email_of[row.user_id]
        person = _person(str(10_000_000 + number), email, row)
        found.append(_response(response_id(row.survey_id), person, row, changed_later=chance < 0.02))
        if chance > 0.98:
            staff = _person("9", company.agents["email"].iloc[1], row)
            found.append(_response(f"9{response_id(row.survey_id)}", staff, row, changed_later=False))
    return sorted(found, key=lambda response: int(response["created_at"]))


def _person(number: str, email: str, row: Any) -> Json:
    name = email.split("@")[0].rstrip("0123456789").replace(".", " ").title()
    at = unix(row.responded_at)
    return {"id": number, "name": name, "email": email, "phone_number": None, "created_at": at - 86_400,
            "last_sent_at": unix(row.asked_at), "last_responded_at": at, "next_survey_scheduled_at": None}  # fmt: skip


def _response(number: str, person: Json, row: Any, *, changed_later: bool) -> Json:
    created = unix(row.responded_at)
    return {
        "id": number, "person": person, "survey_type": row.kind, "score": int(row.score), "comment": "Fine,\nso far.",
        "permalink": f"https://app.delighted.com/r/{number}", "created_at": created,
        "updated_at": created + 600 * changed_later, "person_properties": {"Delighted Source": "Email"}, "notes": [],
        "tags": [], "additional_answers": [],
    }  # fmt: skip


def _as_csv(response: Json) -> tuple[object, ...]:
    created, updated = (
        pd.Timestamp(response[name], unit="s").strftime("%Y-%m-%d %H:%M:%S") for name in ("created_at", "updated_at")
    )
    person = response["person"]
    return (
        response["id"], response["survey_type"], response["score"], response["comment"], response["permalink"], created,
        updated, person["id"], person["name"], person["email"], "",
    )  # fmt: skip
