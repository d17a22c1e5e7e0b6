"""What arrives: which items are taken, which are refused alone, what will be cut of them, and what refuses all."""
