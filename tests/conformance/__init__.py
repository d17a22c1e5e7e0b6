"""What clients may rely on: the clauses, and the table of where each of them is tested."""
