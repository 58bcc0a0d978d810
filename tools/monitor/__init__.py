"""Watching our own fleets: what is sampled, what is wrong, and since when."""
