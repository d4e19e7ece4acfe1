"""The backtest: models trained at several past moments, each judged on what came after it."""
