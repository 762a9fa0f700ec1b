"""tymeconn beside other clients, in one run on one machine: what counts is the ratios.

- works: the rows, and what is to be reached in each
- serving, answering: the server, nginx or one of our own
- clients: one module per client; each client runs in a process of its own
- driving: has the clients take turns, each on the first core, while the server is on the last
- judging: from figures to medians, ratios, and held or not
- reporting, charting: JSON, a table and a picture
"""
