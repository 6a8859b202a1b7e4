"""Records on their way in: compared, weighed, turned into rows and landed in the ERP's tables."""
