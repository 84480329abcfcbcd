"""The health monitor: statistics of a step, and the diagnoses drawn from them."""
