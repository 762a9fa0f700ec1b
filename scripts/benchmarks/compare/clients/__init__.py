"""One module per client, each with two dicts: what it does a number of times, and what it does for a time.

`COUNTED` has, under the kind of a work, a function that takes an Order, makes ready, and returns a
function that does so many units of the work; it returns figures of its own. `TIMED` has functions that take
an Order, make ready, and return a function that does one round and returns all of its figures.

Every client parses the JSON of each small answer and reads its Content-Type, by its own means, and raises
if one of them is wrong.
"""
