"""The read side: what is stored, for people and consoles."""
