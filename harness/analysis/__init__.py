"""What can be said of a configuration as a whole: traps, differences, translations, scenarios."""
