"""Records to rows; pure."""
