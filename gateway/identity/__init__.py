"""Whose request this is, and which environment it belongs to."""
