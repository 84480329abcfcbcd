"""Does a method learn? One judge for all image methods: read-outs, margins, records and page.

    python -m benchmarks.learning METHOD [METHOD ...] --ground shapes --seed 0 --budget 1
    python docs/write_learning.py

Run from the root of the repository. A method is trained on a ground (`grounds.py`) and read out in
the ways that its field uses (`readouts.py`), beside its untrained encoder and, for fine-tuning, the
same training from scratch. Each (ground, method, seed, budget) leaves one JSON record in
results/learning/; a record that exists is not made again. The margins are in margins.json.
"""
