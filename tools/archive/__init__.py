"""What we saw of the market and of our own fleets: one SQLite file of its own, apart from the journal."""
