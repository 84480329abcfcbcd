"""Evaluation of representations: evaluators on plain arrays, and protocols that report them.

Evaluators take features [N, D] and labels [N] and are independent of the network: `knn`, `linear`,
`ridge`, `probe_sweep`, `attentive`, `few_label`, `few_shot`, `clustering`, `retrieval`,
`detection`, `labelfree`, `dense`, `risk`. `collapse` holds the statistics that are also computed
inside the train step. `representations` encodes the data, `protocols/` defines the named protocols,
`record` defines the record they write, `reading` reads it and `tables` shows it, and `evaluating`
applies protocols to a run. `run_table` is the table of three of them that every run ends with.
"""
