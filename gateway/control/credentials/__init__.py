"""API keys, public tokens and management keys: made, changed, rotated, revoked."""
