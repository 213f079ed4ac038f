"""The Gateway API's kinds."""
