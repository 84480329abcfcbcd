"""Methods that assign examples to prototypes or clusters and predict the assignments."""
