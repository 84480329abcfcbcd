"""What features are worth: evaluators on plain arrays, and the protocol that reports them.

Every evaluator takes features [N, D] and labels [N]; none knows the network they came from. The
modules are `features` (from an encoder to arrays), `knn`, `linear`, `few_label`, `protocol` (the
table with its untrained and raw rows) and `collapse` (label-free statistics for the train step).
"""
