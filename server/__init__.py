"""Vitrina's server: an out-of-the-box recommender for online shops."""
