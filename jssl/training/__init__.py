"""The train step: gradients, optimizer, sharding, batches and checkpoints."""
