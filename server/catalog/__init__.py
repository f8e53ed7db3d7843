"""What a shop sells: items, the feeds they come from, their images, and search among them."""
