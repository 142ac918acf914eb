"""What makes learning fail, noticed in any loop that calls `backward()`, and said in words."""

from tinygrad_neuron.diagnosis.messages import LearningWarning as LearningWarning
from tinygrad_neuron.diagnosis.mode import teaching as teaching
