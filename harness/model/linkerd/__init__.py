"""What Linkerd's proxies do: client's side (outbound), and server's side (inbound)."""
