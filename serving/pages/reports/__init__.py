"""Pages that commands write as files: the report of a backtest, and the catalogue of all features."""
