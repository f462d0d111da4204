"""History as the API sends it, in compressed chunks beside the rows that it is made from."""
