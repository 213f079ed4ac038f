"""What differs between the meshes on a real cluster."""
