"""The HTTP edge: bytes in, status out."""
