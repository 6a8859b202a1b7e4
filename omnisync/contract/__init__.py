"""The contract between hub and agent: structs and pure rules, no input or output, nothing else of ours."""

CONTRACT = "1.1"
