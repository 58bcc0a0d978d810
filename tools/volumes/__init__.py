"""Volumes that outlive instances: what is kept, at what cost, and how it comes back in another zone."""
