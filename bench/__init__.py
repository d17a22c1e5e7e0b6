"""The benchmark: how many items a CPU-second of the gateway takes, and of the worker stores."""
