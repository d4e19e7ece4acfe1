"""The whole list as one file: CSV, a workbook (XLSX), Parquet, or a calendar of renewals; in pieces: CSV, JSON lines."""
