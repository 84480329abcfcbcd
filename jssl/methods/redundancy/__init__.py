"""Methods that keep the dimensions of the embedding apart, without negatives or a teacher."""
