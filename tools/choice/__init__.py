"""Choosing where to run: pools weighed side by side by price, risk, availability and what is already paid for."""
