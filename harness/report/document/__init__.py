"""A run as one document: what HTML, Markdown and annotations are made of, and what shards are joined by."""
