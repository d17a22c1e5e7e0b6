"""What goes by itself: the expired, the deleted, and what is too old."""
