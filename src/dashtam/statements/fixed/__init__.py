"""Statements in records of fixed or separated fields: CODA, Norma 43, CFONB 120 and BAI2."""
