"""Budget: the monthly limit that holds, and the gate that asks it."""
