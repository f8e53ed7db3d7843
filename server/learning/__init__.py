"""The worker's side: from items and events to the snapshot that serving reads."""
