"""Answers, fast: snapshots in memory, candidates, ranking, reasons. Imports no torch and no pandas."""
