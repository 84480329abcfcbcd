"""Every operation beside its reference: what `docs/augmentations.md` tabulates, tests check."""

# The order of the imports is that of the table.
import parity_geometry_cases  # noqa: F401, I001
import parity_colour_cases  # noqa: F401
import parity_policy_cases  # noqa: F401
import parity_label_cases  # noqa: F401
import parity_batch_cases  # noqa: F401
from parity_base import CASES

__all__ = ["CASES"]
