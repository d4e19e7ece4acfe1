"""MLflow's own client of the trained world."""

from __future__ import annotations

import mlflow
import pytest
from mlflow import MlflowClient

from undertow.features.settings import Settings
from undertow.training.evaluation.report import TrainReport
from undertow.training.registry.tracking import open_registry


@pytest.fixture(scope="module")
def client(world: Settings, report: TrainReport) -> MlflowClient:
    mlflow.set_tracking_uri(open_registry(world).uri)
    return MlflowClient(open_registry(world).uri)
