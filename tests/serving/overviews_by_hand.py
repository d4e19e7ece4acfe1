"""Journeys and personas of the tiny accounts, by hand: everything known, too little known, nothing available."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
HOSTILE = "<script>alert('own feature')</script>"  # the sentence of a project's own feature


def left(accounts: int, snapshots: int, number: int, *share: float) -> Json:
    value, low, high = share or (None, None, None)
    return {"accounts": accounts, "snapshots": snapshots, "left": number, "share": value, "low": low, "high": high}


def worth(accounts: int, clv: float | None, mrr: float | None, at_risk: float | None) -> Json:
    return {"accounts": accounts, "mean_clv": clv, "mean_mrr": mrr, "value_at_risk": at_risk}


def of_all(**more: Any) -> Json:
    return {"as_of": "2025-01-31", "horizon": 90, "observed_as_ofs": ["2024-07-01", "2024-10-01"], "accounts": 6,
            "grade": "associated", "note": "Associated: others may differ in much else.", "why_not": None,
            **more}  # fmt: skip


def journeys_by_hand() -> Json:
    use = {
        "name": "use", "title": "Everyday use", "sentence": "Accounts that visited in the last 30 days.",
        "accounts": 6, "in_trouble": 2,
        "trouble": [
            {"feature": "error_rate_30", "sentence": "Errors per page view in the last 30 days", "unit": "share",
             "holds": "above", "limit": 0.025, "typical": True},
            {"feature": "visits_lately_against_usual", "unit": "log ratio", "holds": "below", "limit": -0.223,
             "sentence": "Visits against the account's own usual pace: visits count half after three weeks",
             "typical": False},
        ],
        "metrics": [
            {"feature": "error_rate_30", "sentence": "Errors per page view in the last 30 days", "family": "ux",
             "unit": "share", "median": 0.02, "in_trouble": 0.09, "others": None},
            {"feature": "own", "sentence": HOSTILE, "family": "cx", "unit": "count", "median": 1.0, "in_trouble": 2.0,
             "others": 0.0},
        ],
        "churn": {
            "trouble": left(80, 100, 20, 0.2, 0.13, 0.3), "others": left(300, 500, 40, 0.08, 0.05, 0.12),
            "difference": {"value": 0.12, "low": 0.05, "high": 0.2},
            "like": {"value": 0.1, "low": -0.01, "high": 0.19}, "why_not": None,
        },
        "value": {"trouble": worth(2, 2700.0, 2700.0, 900.0), "others": worth(3, 1200.0, None, 300.0)},
        "why_not": None,
    }  # fmt: skip
    few = {
        "name": "billing", "title": "Billing", "sentence": "Accounts with a payment attempt in the last 90 days.",
        "accounts": 6, "in_trouble": 0, "trouble": [], "metrics": [],
        "churn": {"trouble": left(3, 3, 1), "others": left(40, 40, 0, 0.0, 0.0, 0.09), "difference": None, "like": None,
                  "why_not": "not enough data: one of the groups has 3 accounts, 30 are needed"},
        "value": {"trouble": worth(0, None, None, None), "others": worth(6, 1500.0, 1500.0, 1200.0)},
        "why_not": None,
    }  # fmt: skip
    nothing = {
        "name": "renewal", "title": "Renewal", "sentence": "Accounts that renew within 90 days.", "accounts": None,
        "in_trouble": None, "trouble": [], "metrics": [], "churn": None, "value": None,
        "why_not": "not available: it needs days_to_renewal, which this project does not have",
    }  # fmt: skip
    return of_all(touchpoints=[use, few, nothing])


def personas_by_hand() -> Json:
    def profile(median: float) -> list[Json]:
        return [{"feature": "visits_30", "sentence": "Visits (sessions) in the last 30 days", "family": "usage",
                 "unit": "count", "median": median, "overall": 3.0}]  # fmt: skip

    differs = [{"feature": "own", "sentence": HOSTILE, "family": "ux", "deviation": -1.25}]
    return of_all(
        measures=[{"feature": "own", "sentence": HOSTILE, "family": "ux"}],
        stable_from=0.8,
        tried=[{"number": 2, "stability": 0.95, "smallest": 0.33, "explained": 0.4, "shuffled": 0.2,
                "is_stable": True}],
        personas=[
            {"name": "Few visits, slow pages", "share": 0.67, "differs": differs, "profile": profile(1.0),
             "churn": left(300, 400, 60, 0.15, 0.11, 0.2), "value": worth(4, 1100.0, 1000.0, 800.0)},
            {"name": f"Low in {HOSTILE}", "share": 0.33, "differs": differs, "profile": profile(9.0),
             "churn": left(10, 12, 1), "value": worth(2, 2500.0, 2400.0, 400.0)},
        ],
        churn_why_not=None,
    )  # fmt: skip
