"""The report stage: everything that a deployment found, as JSON, HTML, a table and pictures."""
