"""Sentry: envelopes, and every endpoint whose requests become one."""
