"""Objects in a cluster: applied, looked at, waited for."""
