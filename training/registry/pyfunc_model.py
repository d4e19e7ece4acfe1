"""The model as an MLflow pyfunc, for `mlflow.pyfunc.load_model`, `mlflow models serve`, `spark_udf`.

MLflow runs this file when it loads the model (models from code, so nothing is pickled).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow as pa

from undertow.training.bundle.bundle import Bundle


class ChurnModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow is untyped
    """P(churn within each horizon) for feature rows."""

    def load_context(self, context: Any) -> None:
        """Load the bundle that was logged with the model."""
        self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a frame with one column p_<horizon> per horizon, row by row with the input."""
        rows = pa.Table.from_pandas(_typed(model_input, self.bundle), preserve_index=False)
        probability = self.bundle.probability(rows)
        return pd.DataFrame(probability, columns=[f"p_{horizon}" for horizon in self.bundle.horizons])


def _typed(rows: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Return the columns that the score is computed from, in their types; an absent one is unknown in every row."""
    frame = {"as_of": pd.to_datetime(rows["as_of"]).astype("datetime64[us]")}
    for column in (column for column in bundle.columns if column.name in bundle.needed):
        name = column.name
        given = rows[name] if name in rows else pd.Series([None] * len(rows), index=rows.index)
        frame[name] = given.astype("object") if column.is_text else given.astype("float64")
    return pd.DataFrame(frame)


mlflow.models.set_model(ChurnModel())
