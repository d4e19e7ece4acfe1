"""The report of a hyperparameter search: its trials, the best beside the defaults, and whether it is used."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from undertow.training.evaluation.gate import Verdict

SAID = {
    "num_leaves": "leaves",
    "min_child_samples": "rows per leaf",
    "reg_lambda": "L2 penalty",
    "colsample_bytree": "columns per tree",
    "subsample": "rows per tree",
    "learning_rate": "learning rate",
}


@dataclass(frozen=True)
class TuningReport:
    """What a search with `undertow train --tune` found.

    `trials`: that were run; 0 where tuning was skipped. `best`: number of the best one, of which 0 is the defaults.
    `loss`, `default_loss`: held-out log loss inside the training data, per person-period row, of the best and of the
    defaults; None where it was skipped. `factors`: LightGBM parameter -> what its default is multiplied by in the best
    trial. `verdict`: of the gate, tuned settings as challenger of the defaults on the held-out test; None where they
    were not compared. `why_not`: then why, as a sentence.
    """

    trials: int
    best: int = 0
    loss: float | None = None
    default_loss: float | None = None
    factors: dict[str, float] | None = None
    verdict: Verdict | None = None
    why_not: str = ""

    @property
    def is_used(self) -> bool:
        """Return whether the model is fitted with the tuned settings."""
        return self.verdict is not None and self.verdict.promoted

    @property
    def note(self) -> str:
        """Return what was found and what is used, in plain words."""
        if self.loss is None or self.default_loss is None:
            return self.why_not
        found = (
            f"{self.trials} trials of tuning: log loss inside the training data {self.loss:.5f} at best, "
            f"{self.default_loss:.5f} with the defaults"
        )
        if self.factors and self.best:
            times = ", ".join(f"{SAID[name]} × {factor:.2f}" for name, factor in self.factors.items())
            found = f"{found} (best: {times})"
        return f"{found}. {self.why_not or self._decision()}"

    def _decision(self) -> str:
        verdict = self.verdict
        if verdict is None or verdict.gain is None:
            return "The defaults are used."
        gain = verdict.gain
        bounds = f"log-loss gain {gain.value:+.4f}, 90 % interval {gain.low:+.4f} to {gain.high:+.4f}"
        failed = [guard.name for guard in verdict.guards if not guard.passed]
        if verdict.promoted:
            return (
                f"On the held-out test they are surely better ({bounds}): the tuned settings are used. The "
                "results of the model were measured on that same test, so they are slightly too good."
            )
        if gain.low > 0:
            failing = " and ".join(failed)
            return f"On the held-out test they are better ({bounds}), but fail on {failing}: the defaults are used."
        return f"On the held-out test they are not surely better ({bounds}): the defaults are used."

    def parameters(self) -> dict[str, object]:
        """Return the parameters that MLflow logs."""
        factors = {f"tuning.{name}": round(factor, 6) for name, factor in (self.factors or {}).items()}
        return {"tuning.trials": self.trials, "tuning.best_trial": self.best, "tuning.used": self.is_used, **factors}

    def metrics(self) -> dict[str, float]:
        """Return the metrics that MLflow logs: the losses inside the training data, and the gain on the test."""
        found = {"tuning_log_loss": self.loss, "tuning_default_log_loss": self.default_loss}
        if self.verdict is not None and self.verdict.gain is not None:
            found["tuning_gain"] = self.verdict.gain.value
        return {name: value for name, value in found.items() if value is not None}

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        gain = None if self.verdict is None or self.verdict.gain is None else asdict(self.verdict.gain)
        return {
            "trials": self.trials,
            "best_trial": self.best,
            "log_loss": self.loss,
            "default_log_loss": self.default_loss,
            "factors": self.factors,
            "held_out_gain": gain,
            "used": self.is_used,
            "note": self.note,
        }
