"""From a destination to a pod."""
