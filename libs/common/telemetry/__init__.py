"""Our OWN logs, metrics and trace ids."""
