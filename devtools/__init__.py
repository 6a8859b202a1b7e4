"""What tests and bench both need of databases; neither imports the other."""
