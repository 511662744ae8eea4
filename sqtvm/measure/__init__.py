"""From firmware and a target to a Measurement."""
