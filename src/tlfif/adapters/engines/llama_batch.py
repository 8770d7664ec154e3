"""How much llama.cpp reads in one go."""

BATCH_TOKENS = 128
"""Nothing can be ended within one batch: with a thousand tokens in it, a cancelled job kept a slow computer busy for a
quarter of a minute. Larger ones are not read faster by a processor. A vector is made of one batch, too."""
