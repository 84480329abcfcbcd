"""What features are worth: evaluators on plain arrays, and the protocols that report them.

Every evaluator takes features [N, D] and labels [N]; none knows the network they came from:
`knn`, `linear`, `ridge`, `sweep`, `attentive`, `few_label`, `few_shot`, `clustering`, `retrieval`,
`detection`, `labelfree`, `dense`, `risk`; `collapse` has what also runs inside the train step.

`subject` encodes what is evaluated, `protocols/` has the protocols by name, `record` what they
write down, `evaluating` runs them on a run. `protocol` is the table of a run's page.
"""
