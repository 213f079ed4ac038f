"""The commands of `harness`, one in each module; the parts that they call know nothing of them."""
