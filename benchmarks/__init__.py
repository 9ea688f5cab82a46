"""What the speed goals are measured with: `python -m benchmarks` lists what there is."""
