"""Pages of what commands found: a module and a template for each."""
