"""What Istio's proxies do: client's side (sidecar), gateway, and server's side (inbound)."""
