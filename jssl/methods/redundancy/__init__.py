"""Redundancy-reduction methods: regularise the embedding without negatives or a teacher."""
