"""Writes Qualtrics' survey responses as CSV files, and the history of the invitations.

From the canonical tables: surveys. Files: `qualtrics_nps.csv`, `qualtrics_csat.csv`, `qualtrics_ces.csv` (three header
lines; times in the zone that line 3 names, without parts of a second), `qualtrics_distributions.jsonl` (which survey a
distribution is of), `qualtrics_distribution_history.jsonl` (an invitation per survey sent) and
`qualtrics_contacts.jsonl` (who was invited). The score is the column Q1, of NPS beside Q1_NPS_GROUP; scales are
0-10, 1-5 and 1-7. The CES file holds codes (Status 0, Finished 1), the others words (IP Address, True).

Noise that must not come back: previews, spam, test answers and unfinished answers, whose invitation counts as not
answered although it has a response id. Free texts hold line breaks and quotes. 5 % of the contacts have no external
reference, only their e-mail address, in other case.

What cannot come back: parts of a second of `responded_at`, parts of a millisecond of `asked_at`; a survey answered
within the second in which it was sent seems answered before that (`expected_surveys` leaves it out).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from tests.features.connectors.company.company import Company
from tests.features.connectors.company.files import Json, dumped, vendor_id, write_csv, write_lines
from tests.features.connectors.company.product_events import iso

SURVEYS = {"nps": "SV_0aNps1rWq7Zt", "csat": "SV_1bCsat8uLm3Xe", "ces": "SV_2cCes5kPd9Vy"}  # kind -> survey id
ZONES = {"nps": "Europe/Berlin", "csat": "America/New_York", "ces": "Asia/Kolkata"}
QUESTIONS = {
    "nps": "How likely are you to recommend us to a colleague?",
    "csat": "How satisfied are you with our product?",
    "ces": "It is easy to get my work done.",
}
HEADER = {
    "StartDate": ("Start Date", "startDate"),
    "EndDate": ("End Date", "endDate"),
    "Status": ("Response Type", "status"),
    "IPAddress": ("IP Address", "ipAddress"),
    "Progress": ("Progress", "progress"),
    "Duration (in seconds)": ("Duration (in seconds)", "duration"),
    "Finished": ("Finished", "finished"),
    "RecordedDate": ("Recorded Date", "recordedDate"),
    "ResponseId": ("Response ID", "_recordId"),
    "RecipientLastName": ("Recipient Last Name", "recipientLastName"),
    "RecipientFirstName": ("Recipient First Name", "recipientFirstName"),
    "RecipientEmail": ("Recipient Email", "recipientEmail"),
    "ExternalReference": ("External Data Reference", "externalDataReference"),
    "DistributionChannel": ("Distribution Channel", "distributionChannel"),
    "UserLanguage": ("User Language", "userLanguage"),
}
DATES = ("StartDate", "EndDate", "RecordedDate")
NOISE = {"preview": 0.02, "spam": 0.02, "test": 0.02, "unfinished": 0.04}  # shares of the surveys sent
WORDS = {
    "answer": "IP Address", "preview": "Survey Preview", "spam": "Spam", "test": "Survey Test",
    "unfinished": "IP Address",
}  # fmt: skip
CODES = {"answer": "0", "preview": "1", "test": "2", "spam": "8", "unfinished": "0"}
TEXTS = ("", "Works well.", 'They said "soon".\nI am still waiting,\nand waiting.', "Too slow, but nice")
NO_REFERENCE_SHARE = 0.05


def write(company: Company, folder: Path) -> None:
    """Write all files."""
    for kind in SURVEYS:
        _write_responses(company, folder, kind)
    first = _sent(company).drop_duplicates("distribution")
    write_lines(folder / "qualtrics_distributions.jsonl", (_distribution(row) for row in first.itertuples()))
    write_lines(folder / "qualtrics_distribution_history.jsonl", history(company))
    write_lines(folder / "qualtrics_contacts.jsonl", contacts(company))


def expected_surveys(company: Company) -> pd.DataFrame:
    """Return the canonical surveys as Qualtrics can tell them, with its ids (`response_id`, null if not answered)."""
    sent = _sent(company)
    rows = sent.assign(
        asked_at=sent["asked_at"].dt.floor("ms"),
        recorded_at=sent["asked_at"].dt.floor("ms"),
        responded_at=sent["responded_at"].dt.floor("s"),
        response_id=sent["response"].where(sent["responded_at"].notna()),
    )
    within = rows["responded_at"] < rows["asked_at"]  # an answer within the second that Qualtrics cuts off
    rows["responded_at"] = rows["responded_at"].mask(within, rows["asked_at"])
    return rows.drop(columns=["response", "noise"]).reset_index(drop=True)


@cache
def _sent(company: Company) -> pd.DataFrame:
    """Return the surveys with Qualtrics' ids, and `noise`: what else was recorded for this one, if anything."""
    rows = company.tables["surveys"].copy()
    month = rows["asked_at"].dt.strftime("%Y-%m")
    rows["distribution"] = [vendor_id("EMD_", each, 15) for each in rows["kind"] + " " + month]
    rows["contact"] = [vendor_id("CID_", each, 15) for each in rows["user_id"]]
    rows["response"] = [vendor_id("R_", each, 15) for each in rows["survey_id"]]
    rows["noise"] = ""
    chances = pd.Series(company.chances(len(rows), "qualtrics", "noise"), rows.index)
    low = 0.0
    for name, share in NOISE.items():
        chosen = (chances >= low) & (chances < low + share)
        rows.loc[chosen & (rows["responded_at"].isna() | (name != "unfinished")), "noise"] = name
        low += share
    return rows


def _write_responses(company: Company, folder: Path, kind: str) -> None:
    """Write the answers to one survey, with those that do not count."""
    questions = {"Q1_NPS_GROUP": "QID1_NPS_GROUP"} if kind == "nps" else {}
    questions |= {"Q1": "QID1", "Q2": "QID2_TEXT"}
    labels = {"Q1_NPS_GROUP": f"{QUESTIONS[kind]} - Group", "Q1": QUESTIONS[kind], "Q2": "Why?"}
    zone = {"timeZone": ZONES[kind]}
    imports = [dumped({"ImportId": name} | (zone if key in DATES else {})) for key, (_, name) in HEADER.items()]
    imports += [dumped({"ImportId": name}) for name in questions.values()]
    names = [*HEADER, *questions]
    rows = [[label for label, _ in HEADER.values()] + [labels[name] for name in questions], imports]
    given = [[answer.get(name, "") for name in names] for answer in answers(company, kind)]
    write_csv(folder / f"qualtrics_{kind}.csv", names, rows + given)


def answers(company: Company, kind: str) -> list[Json]:
    """Return the answers to a survey in order of time, the noise among them."""
    sent = _sent(company).query("kind == @kind")
    references = _references(company)
    found = []
    for row in sent.itertuples():
        if pd.notna(row.responded_at):
            found.append(_answer(company, row, row.responded_at, "answer", row.response, references))
        if row.noise:
            at = row.asked_at + pd.Timedelta(hours=1)
            other = vendor_id("R_", f"{row.noise} {row.survey_id}", 15)
            response = row.response if row.noise == "unfinished" else other
            found.append(_answer(company, row, at, row.noise, response, references))
    return sorted(found, key=lambda answer: str(answer["EndDate"]))


def _answer(
    company: Company, row: Any, ended: pd.Timestamp, role: str, response: str, references: dict[str, str]
) -> Json:
    """Return one answer; times are in the survey's zone. `role`: answer, or which noise it is."""
    number, is_done = int(response[2:8], 16), role != "unfinished"
    score = int(row.score) if pd.notna(row.score) else number % int(row.scale_max + 1)
    first, last = _name(company, row.user_id)
    is_coded, is_invited = row.kind == "ces", role in ("answer", "unfinished")
    return {
        "StartDate": _local(ended - pd.Timedelta(seconds=20 + number % 300), row.kind),
        "EndDate": _local(ended, row.kind),
        "Status": (CODES if is_coded else WORDS)[role], "IPAddress": "203.0.113.7", "Progress": 100 if is_done else 50,
        "Duration (in seconds)": 20 + number % 300, "Finished": int(is_done) if is_coded else is_done,
        "RecordedDate": _local(ended + pd.Timedelta(seconds=1), row.kind), "ResponseId": response,
        "RecipientLastName": last if is_invited else "", "RecipientFirstName": first if is_invited else "",
        "RecipientEmail": company.email_of[row.user_id].title() if is_invited else "",
        "ExternalReference": references.get(row.user_id, "") if is_invited else "",
        "DistributionChannel": "email" if is_invited else "preview", "UserLanguage": "EN",
        "Q1": score, "Q1_NPS_GROUP": "Promoter" if score > 8 else ("Passive" if score > 6 else "Detractor"),
        "Q2": TEXTS[number % len(TEXTS)] if is_done else "",
    }  # fmt: skip


def _local(time: pd.Timestamp, kind: str) -> str:
    return time.tz_localize("UTC").tz_convert(ZONES[kind]).strftime("%Y-%m-%d %H:%M:%S")


def _name(company: Company, user: str) -> tuple[str, str]:
    first, _, last = company.email_of[user].split("@")[0].partition(".")
    return first.title(), last.rstrip("0123456789").title()


@cache
def _references(company: Company) -> dict[str, str]:
    """Return the external reference of each contact that has one: the product's user id."""
    users = company.users["user_id"]
    chances = company.chances(len(users), "qualtrics", "references")
    return {user: user for user, chance in zip(users, chances, strict=True) if chance >= NO_REFERENCE_SHARE}


def _distribution(row: Any) -> Json:
    return {
        "id": row.distribution, "parentDistributionId": None, "requestType": "Invite", "requestStatus": "Done",
        "sendDate": row.asked_at.strftime("%Y-%m-%dT00:00:00Z"),
        "surveyLink": {"surveyId": SURVEYS[row.kind], "linkType": "Individual", "expirationDate": None},
    }  # fmt: skip


def history(company: Company) -> list[Json]:
    """Return an invitation per survey sent: when, to whom, and the response, if there is one."""
    sent = _sent(company)
    asked, answered = iso(sent["asked_at"], "ms"), iso(sent["responded_at"].fillna(sent["asked_at"]), "s")
    found = []
    for row, sent_at, at in zip(sent.itertuples(), asked, answered, strict=True):
        is_answered, is_begun = pd.notna(row.responded_at), row.noise == "unfinished"
        link = f"https://rivertide.eu.qualtrics.com/jfe/form/{SURVEYS[row.kind]}?Q_DL={row.distribution}"
        status = "SurveyFinished" if is_answered else ("SurveyPartiallyFinished" if is_begun else "Success")
        found.append(
            {
                "contactId": row.contact, "contactLookupId": row.contact.replace("CID", "CGC"),
                "distributionId": row.distribution, "status": status, "surveyLink": link,
                "contactFrequencyRuleId": None, "responseId": row.response if is_answered or is_begun else None,
                "responseStartedAt": f"{at}Z" if is_answered or is_begun else None,
                "responseCompletedAt": f"{at}Z" if is_answered else None, "sentAt": f"{sent_at}Z",
                "openedAt": None, "surveySessionId": None,
            }
        )  # fmt: skip
    return found


def contacts(company: Company) -> list[Json]:
    """Return who was invited."""
    references, users = _references(company), sorted(set(company.tables["surveys"]["user_id"]))
    return [
        {
            "contactId": vendor_id("CID_", user, 15), "firstName": _name(company, user)[0],
            "lastName": _name(company, user)[1], "email": company.email_of[user].title(), "phone": None,
            "extRef": references.get(user), "language": "EN", "unsubscribed": False,
        }
        for user in users
    ]  # fmt: skip
