"""What networks are built of: modules, which hold parameters and are called like functions."""

from tinygrad_neuron.modes import in_training as in_training, training as training
from tinygrad_neuron.nn.initialisers import (
    INITIALISERS as INITIALISERS,
    glorot_normal as glorot_normal,
    glorot_uniform as glorot_uniform,
    he_normal as he_normal,
    he_uniform as he_uniform,
    lecun_normal as lecun_normal,
    lecun_uniform as lecun_uniform,
    orthogonal as orthogonal,
    zeros as zeros,
)
from tinygrad_neuron.nn.module import Kept as Kept, Module as Module
from tinygrad_neuron.nn.neurons import (
    ACTIVATIONS as ACTIVATIONS,
    MLP as MLP,
    Layer as Layer,
    Neuron as Neuron,
    Sequential as Sequential,
    linear as linear,
)
from tinygrad_neuron.nn.parts import (
    BatchNorm as BatchNorm,
    Dropout as Dropout,
    Embedding as Embedding,
    LayerNorm as LayerNorm,
)
