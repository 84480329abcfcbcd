"""Predictive methods: predict the representation of one part from that of another."""
