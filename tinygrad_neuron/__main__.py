"""`python -m tinygrad_neuron`: the same as the command `tinygrad-neuron`."""

import sys

from tinygrad_neuron.cli import main

if __name__ == "__main__":
    sys.exit(main())
