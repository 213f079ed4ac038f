"""The rules' functions, by what they are about."""
