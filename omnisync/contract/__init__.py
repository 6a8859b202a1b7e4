"""What hub and agent promise each other: structs and pure rules, no input or output, nothing else of ours."""

CONTRACT = "1.0"
