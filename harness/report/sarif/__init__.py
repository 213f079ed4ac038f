"""What commands found, as SARIF 2.1.0: `log` writes it, and each other module says it of one command."""
