"""Sentry's items to rows."""
