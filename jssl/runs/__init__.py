"""One run: its folder, record, lock, host loop, warm start and replay."""
