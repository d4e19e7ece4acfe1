"""The database engines that run the queries: DuckDB in this process, or Spark."""
