"""What every floor stands on: policy, moves, errors, actors. No models; imports no app."""
