"""The journal: one SQLite file that holds what happened, proves it, and gives the right to act once."""
