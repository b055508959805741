"""Scores, figures and the report: what the predictions of a study are worth, said once for every model."""
