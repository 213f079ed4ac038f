"""YAML as users have it: documents with places, files, dumps, patches."""
