"""How good recommendations are, on any shop's history: `python -m benchmarks.quality --help`."""
