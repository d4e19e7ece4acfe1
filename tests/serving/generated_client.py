"""What a stranger does: clients generated from the OpenAPI description ask a running service, and get typed answers.

Run as a script in the folder of the generated code, with the address of the service and a row of features as JSON.
"""

from __future__ import annotations

import json
import sys


def ask_with_generated_client(address: str, row: dict[str, object]) -> dict[str, object]:
    """Return what the client made by openapi-python-client was answered, from its typed answers."""
    from undertow_client import Client
    from undertow_client.api.lists import get_account, list_at_risk
    from undertow_client.api.models import (
        get_drivers,
        get_drivers_by_month,
        get_features,
        get_journeys,
        get_model,
        get_personas,
    )
    from undertow_client.api.scores import score
    from undertow_client.models import (
        Account,
        AccountIds,
        AtRiskAnswer,
        Drivers,
        DriversByMonth,
        Features,
        Journeys,
        ListAtRiskCause,
        Model,
        Personas,
        Problem,
        Rows,
        RowsRowsItem,
        ScoreAnswer,
    )

    client = Client(base_url=address)
    page = list_at_risk.sync(client=client, limit=2, cause=ListAtRiskCause.VOLUNTARY)
    assert isinstance(page, AtRiskAnswer)
    account = get_account.sync("kunde 7/b", client=client)
    assert isinstance(account, Account)
    unknown = get_account.sync("nobody", client=client)
    assert isinstance(unknown, Problem)
    by_id = score.sync(client=client, body=AccountIds(account_ids=["A-00042", "nobody"]))
    assert isinstance(by_id, ScoreAnswer)
    by_row = score.sync(client=client, body=Rows(rows=[RowsRowsItem.from_dict(row)], as_of=None))
    assert isinstance(by_row, ScoreAnswer)
    refused = score.sync(client=client, body=Rows(rows=[RowsRowsItem.from_dict({"mrrr": 1})]))
    assert isinstance(refused, Problem)
    assert isinstance(get_drivers.sync(client=client), Drivers)
    assert isinstance(get_drivers_by_month.sync(client=client, segment="small"), DriversByMonth)
    assert isinstance(get_features.sync(client=client), Features)
    assert isinstance(get_journeys.sync(client=client), Journeys)
    assert isinstance(get_personas.sync(client=client), Personas)
    assert isinstance(get_model.sync(client=client), Model)
    return {
        "listed": [each.account_id for each in page.accounts],
        "as_of": account.as_of.isoformat(),
        "probability": account.probability["90"],
        "unknown": [unknown.status, unknown.title],
        "scored": [by_id.results[0].account_id, by_id.results[0].probability["90"], by_id.unknown],
        "row": by_row.results[0].probability["90"],
        "refused": refused.errors,
    }


def ask_with_generated_models(address: str, row: dict[str, object]) -> dict[str, object]:
    """Return what was answered, through the Pydantic models made by datamodel-code-generator."""
    import httpx
    from undertow_models import Account, AtRiskAnswer, Problem, Rows, ScoreAnswer, ScoreRequest

    with httpx.Client(base_url=address) as http:
        page = AtRiskAnswer.model_validate_json(http.get("/v1/at-risk", params={"limit": 2}).content)
        account = Account.model_validate_json(http.get("/v1/accounts/A-00042").content)
        asked = ScoreRequest.model_validate(Rows(rows=[row]).model_dump())
        answer = http.post("/v1/score", json=asked.model_dump(mode="json"))
        unknown = Problem.model_validate_json(http.get("/v1/accounts/nobody").content)
    return {
        "listed": [each.account_id for each in page.accounts],
        "probability": account.probability["90"],
        "row": ScoreAnswer.model_validate_json(answer.content).results[0].probability["90"],
        "unknown": [unknown.status, unknown.title],
    }


if __name__ == "__main__":
    kinds = {"client": ask_with_generated_client, "models": ask_with_generated_models}
    sys.path.insert(0, ".")
    print(json.dumps(kinds[sys.argv[1]](sys.argv[2], json.loads(sys.argv[3])), default=str))
