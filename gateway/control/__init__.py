"""The control plane: apps, environments, channels, keys and tokens over REST."""
