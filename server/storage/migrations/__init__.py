"""The schema's history, oldest first. Migrations only ever add; see docs/contributing.md for the rules."""
