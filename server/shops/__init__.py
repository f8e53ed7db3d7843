"""Shops: the tenants, and what is set for each of them."""
