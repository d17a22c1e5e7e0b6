"""How a call runs: found in the one table, its body and query read, its change made once, its answer described."""
