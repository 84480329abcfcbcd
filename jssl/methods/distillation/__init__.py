"""Self-distillation methods: a student predicts what its teacher says of another view."""
