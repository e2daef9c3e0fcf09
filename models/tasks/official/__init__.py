"""Tasks on data that no registry ships: readers of the publishers' own files (`models.data.official`)."""
