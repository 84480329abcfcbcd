"""Public weights: reading them, the names of their parameters, and folders of weights."""
