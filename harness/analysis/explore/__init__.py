"""The classes of requests that a configuration tells apart, found by asking the model's own decisions."""
