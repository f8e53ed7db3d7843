"""Reading files that strangers made: what they are, their encoding, their rows with line numbers."""
