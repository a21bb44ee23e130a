"""Statistics that several models share: empirical Bayes, rank draws, Pareto front, Gini, bootstrap, water filling.

Imports no other subpackage of models.
"""
