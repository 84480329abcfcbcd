"""The forms of data that are recognised: each module defines a tuple `FORMS`."""
