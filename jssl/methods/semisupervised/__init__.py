"""Stages after pre-training: fine-tuning on few labels, and distillation on unlabelled data."""
