"""Encoders as functions, features of a data set in a file, and encoders in formats of others."""
