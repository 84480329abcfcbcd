"""Self-distillation methods: a student predicts its teacher's output for another view."""
