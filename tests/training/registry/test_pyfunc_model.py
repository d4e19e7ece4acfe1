"""The model as MLflow loads it: the same probabilities as the bundle's."""

from __future__ import annotations

from collections.abc import Iterator

import mlflow
import numpy as np
import pyarrow as pa
import pytest
from mlflow import MlflowClient

from undertow.features.settings import Settings
from undertow.training.bundle.bundle import Bundle
from undertow.training.registry.tracking import open_registry


@pytest.fixture(scope="module")
def bundle(world: Settings, client: MlflowClient) -> Bundle:
    """The model that is served, which a refit may have fitted on more than the judged one."""
    champion = open_registry(world).champion()
    assert champion is not None
    return champion.bundle


@pytest.fixture(scope="module")
def pyfunc(client: MlflowClient, world: Settings) -> Iterator[mlflow.pyfunc.PyFuncModel]:
    yield mlflow.pyfunc.load_model(f"models:/{world.name}@champion")


def test_the_logged_model_says_what_the_bundle_says(
    pyfunc: mlflow.pyfunc.PyFuncModel, bundle: Bundle, rows: pa.Table
) -> None:
    wanted = rows.select(["as_of", *(column.name for column in bundle.columns)])
    found = pyfunc.predict(wanted.to_pandas())
    assert list(found.columns) == [f"p_{horizon}" for horizon in bundle.horizons]
    assert np.array_equal(found.to_numpy(), bundle.probability(rows))


def test_the_logged_model_has_a_signature(pyfunc: mlflow.pyfunc.PyFuncModel, bundle: Bundle) -> None:
    signature = pyfunc.metadata.signature
    assert signature is not None
    assert set(signature.inputs.input_names()) == {"as_of", *(column.name for column in bundle.columns)}
    assert signature.outputs.input_names() == [f"p_{horizon}" for horizon in bundle.horizons]


def test_the_logged_model_reads_absent_columns_as_unknown(
    pyfunc: mlflow.pyfunc.PyFuncModel, bundle: Bundle, rows: pa.Table
) -> None:
    given = ["as_of", "mrr", "tenure_days", "days_to_renewal", "term_months"]
    found = pyfunc.predict(rows.select(given).to_pandas())
    unknown = {c.name: pa.nulls(rows.num_rows) for c in bundle.columns if c.name not in given}
    assert np.array_equal(found.to_numpy(), bundle.probability(pa.table({n: rows[n] for n in given} | unknown)))
