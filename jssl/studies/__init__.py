"""Work on several runs: sessions, sweeps, suites of experiments and reproductions."""
