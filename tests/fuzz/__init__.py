"""Hostile inputs made at random: every case must end in a right answer or a typed error, within bounds.

Begin with `driver`: a driver makes one kind of input. `DRIVERS` in `drivers` lists them. `worker` runs cases in a
process of their own, `run` shares the time among the drivers, and `report` writes the table. ``make fuzz`` runs
everything; `test_fuzz` runs the first cases of each driver with the other tests.
"""
