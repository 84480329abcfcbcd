"""Stages after pre-training: few labels, and a teacher's labels for the rest."""
