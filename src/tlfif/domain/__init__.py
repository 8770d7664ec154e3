"""Pure rules: jobs, machine, scaling, events, errors. No I/O, no clock, standard library only."""
