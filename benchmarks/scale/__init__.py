"""What a catalog of a thousand products and one of a million cost to learn and to serve."""
