"""Methods: one file each, in a folder per family. `ls jssl/methods/*` is the catalogue."""
