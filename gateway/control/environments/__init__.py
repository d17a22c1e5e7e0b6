"""Environments: their whole life, their limits, and what is stored of them."""
