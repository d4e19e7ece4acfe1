"""Writes Qualtrics' tables as Fivetran makes them: surveys, questions, responses, invitations and contacts.

The same company and noise as in module qualtrics. Files, as CSV: `qualtrics_survey.csv`, `qualtrics_question.csv`,
`qualtrics_survey_response.csv`, `qualtrics_question_response.csv` (a row per answer to a question),
`qualtrics_distribution_contact.csv` (an invitation per survey sent) and `qualtrics_directory_contact.csv`. Times are
UTC. The score of NPS is the question with the selector NPS, else the one with the export tag Q1.

What can come back: module qualtrics' `expected_surveys`. CSAT and CES differ only by the name of the survey.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from tests.features.connectors.company import qualtrics
from tests.features.connectors.company.company import Company, unix
from tests.features.connectors.company.files import Json, vendor_id, write_csv

CODES = {word: qualtrics.CODES[role] for role, word in qualtrics.WORDS.items()}
NAMES = {"nps": "Relationship", "csat": "After a ticket", "ces": "Customer effort"}


def write(company: Company, folder: Path) -> None:
    """Write the tables."""
    answers = {kind: qualtrics.answers(company, kind) for kind in qualtrics.SURVEYS}
    tables: dict[str, Iterable[Json]] = {
        "survey": ({"id": survey, "survey_name": NAMES[kind], "survey_status": "Active", "_fivetran_deleted": "false"}
                   for kind, survey in qualtrics.SURVEYS.items()),
        "question": (row for kind in qualtrics.SURVEYS for row in _questions(kind)),
        "survey_response": (_response(each, kind) for kind, found in answers.items() for each in found),
        "question_response": (row for found in answers.values() for each in found for row in _question_responses(each)),
        "distribution_contact": (_invitation(each) for each in qualtrics.history(company)),
        "directory_contact": (_contact(each) for each in qualtrics.contacts(company)),
    }  # fmt: skip
    synced = pd.Timestamp(unix(company.end), unit="s").strftime("%Y-%m-%d %H:%M:%S")
    for name, rows in tables.items():
        found = [{**row, "_fivetran_synced": synced} for row in rows]
        write_csv(folder / f"qualtrics_{name}.csv", list(found[0]), found)


def _questions(kind: str) -> Iterator[Json]:
    for number, (text, selector) in enumerate(((qualtrics.QUESTIONS[kind], "SAVR"), ("Why?", "ML")), start=1):
        yield {
            "id": f"QID{number}", "survey_id": qualtrics.SURVEYS[kind], "data_export_tag": f"Q{number}",
            "question_text": text, "question_type": "MC" if number == 1 else "TE",
            "selector": "NPS" if kind == "nps" and number == 1 else selector, "_fivetran_deleted": "false",
        }  # fmt: skip


def _utc(local: str, kind: str) -> str:
    time = pd.Timestamp(local).tz_localize(qualtrics.ZONES[kind], ambiguous=True).tz_convert("UTC")
    return str(time.strftime("%Y-%m-%d %H:%M:%S"))


def _response(each: Json, kind: str) -> Json:
    return {
        "id": each["ResponseId"], "survey_id": qualtrics.SURVEYS[kind],
        "status": CODES.get(each["Status"], each["Status"]),
        "finished": int(each["Finished"]), "progress": each["Progress"], "recipient_email": each["RecipientEmail"],
        "distribution_channel": each["DistributionChannel"],
        **{name: _utc(each[key], kind) for name, key in
           (("start_date", "StartDate"), ("end_date", "EndDate"), ("recorded_date", "RecordedDate"))},
    }  # fmt: skip


def _question_responses(each: Json) -> Iterator[Json]:
    for number in (1, 2):
        yield {
            "_fivetran_id": vendor_id("", f"{each['ResponseId']} {number}", 28), "response_id": each["ResponseId"],
            "question_id": f"QID{number}", "question": f"Q{number}", "value": each["Q1"] if number == 1 else None,
            "text": None if number == 1 else each["Q2"],
        }  # fmt: skip


def _invitation(each: Json) -> Json:
    return {
        "contact_id": each["contactId"], "distribution_id": each["distributionId"], "status": each["status"],
        "response_id": each["responseId"], "sent_at": each["sentAt"].replace("T", " ").rstrip("Z"),
        "survey_link": each["surveyLink"],
    }  # fmt: skip


def _contact(each: Json) -> Json:
    return {
        "directory_id": "POOL_rivertide", "id": each["contactId"], "email": each["email"], "ext_ref": each["extRef"],
        "first_name": each["firstName"], "last_name": each["lastName"],
    }  # fmt: skip
