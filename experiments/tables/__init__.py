"""Tables of papers, one module each with `get_table()`; `jssl reproduce NAME` runs them."""
