"""A local page to look through the stores of a study, a store or a case: pictures, differences, hotspots over time."""
