"""Objectives: pure float32 functions on arrays, free of modules, modalities and devices."""
