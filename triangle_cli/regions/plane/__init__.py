"""Networks of two inputs: exact polygons of the plane."""
