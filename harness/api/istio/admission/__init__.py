"""What is refused of Istio's objects: by the definitions of their kinds, and by the webhook."""
