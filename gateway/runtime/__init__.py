"""What every process needs: settings, logging, metrics, the clock, connections."""
